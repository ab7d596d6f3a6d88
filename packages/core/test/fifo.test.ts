import fc from "fast-check";
import { expect, test } from "vitest";
import { Fifo } from "../src/base/fifo.js";

type Step = "push" | "shift" | "replace" | "takeAll" | "clear" | number;

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Step>("push") },
  { weight: 3, arbitrary: fc.constant<Step>("shift") },
  { weight: 3, arbitrary: fc.nat(200) },
  { weight: 1, arbitrary: fc.constantFrom<Step>("replace", "takeAll", "clear") },
);

// mutant: fifo-skips-nobody
test("a queue does what an array does, whatever is done to it", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const queue = new Fifo<object>();
      let model: object[] = [];
      for (const what of steps) {
        if (what === "push") {
          const value = {};
          queue.push(value);
          model.push(value);
        } else if (what === "shift") {
          expect(queue.shift()).toBe(model.shift());
        } else if (what === "replace") {
          const value = {};
          queue.replaceFirst(value);
          if (model.length > 0) model[0] = value;
        } else if (what === "takeAll") {
          expect(queue.takeAll()).toEqual(model);
          model = [];
        } else if (what === "clear") {
          queue.clear();
          model = [];
        } else if (model.length > 0) {
          const [value] = model.splice(what % model.length, 1);
          queue.remove(value!);
        }
        expect(queue.length).toBe(model.length);
        expect(queue.first).toBe(model[0]);
      }
      while (model.length > 0) expect(queue.shift()).toBe(model.shift());
      expect(queue.shift()).toBeUndefined();
    }),
  );
});

test("what is taken out of a very long queue, in front and in the middle, does not wait for the rest to be moved", () => {
  const COUNT = 300_000;
  const queue = new Fifo<{ readonly number: number }>();
  const values = Array.from({ length: COUNT }, (_, number) => ({ number }));
  for (const value of values) queue.push(value);
  const startMs = performance.now();
  // Every third from the middle, from the newest on.
  for (let number = COUNT - 1; number >= 0; number -= 3) queue.remove(values[number]!);
  let left = 0;
  for (let value = queue.shift(); value !== undefined; value = queue.shift()) left++;
  expect(left).toBe((COUNT * 2) / 3);
  // An array takes minutes for it.
  expect(performance.now() - startMs).toBeLessThan(5000);
});
