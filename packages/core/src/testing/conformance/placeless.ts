/** Files that can be read at a position and not written at one. */
import { connectionNeeds } from "../traits/socket-specimens.js";
import { textOf } from "./bytes.js";
import type { CaseDefinition } from "./case.js";
import { equal, rejects } from "./expect.js";
import { readText } from "./file-talk.js";
import { sendBytes } from "./stream-talk.js";

export const placelessCases: readonly CaseDefinition[] = [
  {
    id: "placeless",
    mutants: ["own-position-insists", "pipe-insists-on-own-position"],
    title: "is left to the system where a file can be read at a position and not written at one",
    needs: [...connectionNeeds, "send", "receive", "pipeTo", "writev"],
    subjectNeeds: ["makePlaceless"],
    calmOnly: true,
    run: async (context) => {
      const { io, subject } = context;
      const path = subject.makePlaceless!(context.path("placeless"));
      for (const how of ["write", "writeFull", "writev", "link", "pipeTo"] as const) {
        await using file = await io.openFile(path, "r+");
        using buffer = io.buffers.copyFrom(`by ${how}`);
        const { length } = buffer;
        if (how === "write") equal((await file.write(buffer)).bytesWritten, length, "bytesWritten of write");
        if (how === "writeFull")
          equal((await file.writeFull(buffer)).bytesWritten, length, "bytesWritten of writeFull");
        if (how === "writev") equal((await file.writev([buffer])).bytesWritten, length, "bytesWritten of writev");
        if (how === "link") {
          const [write, nop] = await io.chain([{ opcode: "write", file, buffer }, { opcode: "nop" }]);
          equal(`${write.status} ${nop.status}`, "fulfilled fulfilled", "the chain");
        }
        if (how === "pipeTo") {
          await using pair = await context.pair();
          await sendBytes(context.far, pair.far, buffer.bytes);
          await pair.far.shutdown();
          equal((await pair.near.pipeTo(file)).bytesTransferred, length, "bytesTransferred");
        }
        await using other = await io.openFile(path, "r");
        equal(await readText(io, other, length), `by ${how}`, "what it begins with");
      }
    },
  },
  {
    id: "placeless-at",
    mutants: ["sim-placeless-at"],
    title: "is all there is where a file cannot be written at a position: one that is given is ESPIPE",
    needs: ["writev", "readv"],
    subjectNeeds: ["makePlaceless"],
    calmOnly: true,
    run: async (context) => {
      const { io, subject } = context;
      const path = subject.makePlaceless!(context.path("placeless"));
      await using file = await io.openFile(path, "r+");
      using buffer = io.buffers.copyFrom("placeless");
      await file.write(buffer);
      using other = io.buffers.copyFrom("elsewhere");
      for (const position of [0, 3, 4096]) {
        await rejects(file.write(other, { position }), "ESPIPE", { errno: -29, bytesTransferred: 0 });
        await rejects(file.writeFull(other, { position }), "ESPIPE");
        await rejects(file.writev([other], { position }), "ESPIPE");
        const [write, nop] = await io.chain([{ opcode: "write", file, buffer: other, position }, { opcode: "nop" }]);
        equal(`${write.status} ${nop.status}`, "rejected rejected", "the chain");
      }
      using into = io.buffers.take(9);
      equal((await file.read(into, { position: 0 })).bytesRead, 9, "bytesRead at a position");
      equal(textOf(into.bytes), "placeless", "what it begins with");
    },
  },
];
