/**
 * What no page says: advice that takes a container's protection away, anything about other places than this one, and a word
 * in another spelling than in code.
 */
import { expect, test } from "vitest";
import { readPages } from "./markdown.js";

const FORBIDDEN: readonly { readonly text: RegExp; readonly why: string }[] = [
  { text: /--privileged\b/, why: "is no way to get io_uring" },
  { text: /seccomp[=:]\s*"?unconfined/i, why: "is no way to get io_uring" },
  { text: /(^|[\s`"'(])\/(work|home|root)\//, why: "is a path of somebody's machine" },
  { text: /cancell(ed|ing|able)/i, why: "has one l here" },
  { text: /\b(TODO|FIXME|lorem ipsum)\b/i, why: "is not finished" },
];

test.each(readPages().map((page) => [page.path, page] as const))("%s", (path, { text }) => {
  const found = text
    .split("\n")
    .flatMap((line, index) =>
      FORBIDDEN.filter((rule) => rule.text.test(line)).map((rule) => `${path}:${index + 1}: ${rule.text} ${rule.why}`),
    );
  expect(found).toEqual([]);
});
