/** Files made of descriptors that the program has. */
import type { Backend, File } from "@baton-io/core";
import { textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, ok, rejects } from "./expect.js";
import { readText } from "./file-talk.js";
import type { OwnDescriptors } from "./subject.js";

async function writeText(io: Backend, file: File, text: string): Promise<void> {
  using buffer = io.buffers.copyFrom(text);
  await file.writeFull(buffer);
}

function descriptorsOf({ subject }: CaseContext): OwnDescriptors {
  return subject.descriptors!;
}

const subjectNeeds = ["descriptors"] as const;
const withFifos = ["descriptors", "makeFifos"] as const;

export const adoptFileClause: Clause = {
  id: "adopt-file",
  title: "adopting a descriptor as a file",
  needs: ["adopt", "open", "close", "read", "write", "stat"],
  cases: [
    {
      id: "position",
      subjectNeeds,
      mutants: ["adopted-at-the-start"],
      title: "it starts where the descriptor stands, goes on from there, and takes positions like any other",
      run: async (context) => {
        const { io } = context;
        const descriptors = descriptorsOf(context);
        const path = await context.givenFile("0123456789");
        const descriptor = descriptors.open(path);
        descriptors.skip(descriptor, 4);
        await using file = await io.adoptFile(descriptor);
        equal(await readText(io, file, 2), "45", "what is read first");
        await writeText(io, file, "AB");
        equal(await readText(io, file, 64), "89", "what is read behind the write");
        using head = io.buffers.take(3);
        await file.readFull(head, { position: 0 });
        equal(textOf(head.bytes), "012", "what is read at a position");
        equal((await file.stat()).size, 10, "the size");
        equal(await context.textOf(path), "012345AB89", "the file");
      },
    },
    {
      id: "appends",
      subjectNeeds,
      mutants: ["adopted-without-append"],
      title: "one that appends goes on to do so: writes go to the end, and the next read starts behind them",
      run: async (context) => {
        const { io } = context;
        const path = await context.givenFile("head");
        await using file = await io.adoptFile(descriptorsOf(context).open(path, true));
        equal(await readText(io, file, 2), "he", "what is read first");
        await writeText(io, file, "+tail");
        equal(await readText(io, file, 64), "", "what is read behind the write");
        equal(await context.textOf(path), "head+tail", "the file");
      },
    },
    {
      id: "owned",
      subjectNeeds,
      title: "the descriptor is closed with the file, and with the backend",
      run: async (context) => {
        const descriptors = descriptorsOf(context);
        const path = await context.givenFile("x");
        const first = descriptors.open(path);
        const second = descriptors.open(path);
        const file = await context.io.adoptFile(first);
        ok(descriptors.isOpen(first), "it is open while the file is");
        await file.close();
        ok(!descriptors.isOpen(first), "it is closed with the file");
        const other = context.open({});
        await other.adoptFile(second);
        await other.close();
        ok(!descriptors.isOpen(second), "it is closed with the backend");
      },
    },
    {
      id: "twice-at-once",
      subjectNeeds,
      mutants: ["adopted-twice-at-once"],
      title: "of those who adopt one descriptor at the same time one has it, and it is closed once",
      run: async (context) => {
        const { io } = context;
        const descriptors = descriptorsOf(context);
        const descriptor = descriptors.open(await context.givenFile("0123"));
        const results = await Promise.allSettled([io.adoptFile(descriptor), io.adoptFile(descriptor)]);
        const files = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
        const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
        equal(files.length, 1, "those who have it");
        equal(String((refused[0] as { code?: string }).code), "EBUSY", "the code of the other");
        for (const file of files) await file.close();
        ok(!descriptors.isOpen(descriptor), "it is closed");
      },
    },
    {
      id: "refused",
      subjectNeeds,
      mutants: ["adopted-twice"],
      title: "what is refused is refused with a code, and stays the program's",
      run: async (context) => {
        const { io } = context;
        const descriptors = descriptorsOf(context);
        const path = await context.givenFile("x");
        const descriptor = descriptors.open(path);
        await rejects(io.adoptStream(descriptor), "ENOTSOCK", { path: `fd ${descriptor}` });
        await rejects(io.adoptListener(descriptor, { label: "socket" }), "ENOTSOCK", { path: "socket" });
        ok(descriptors.isOpen(descriptor), "it is open");
        const file = await io.adoptFile(descriptor);
        await rejects(io.adoptFile(descriptor), "EBUSY");
        equal(await readText(io, file, 8), "x", "what the file says");
        await file.close();
        await rejects(io.adoptFile(descriptor), "EBADF");
        for (const wrong of [-1, 2 ** 31, 1.5]) await rejects(io.adoptFile(wrong), "ERR_OUT_OF_RANGE");
        await rejects(io.adoptFile("3" as never), "ERR_INVALID_ARG_TYPE");
        await rejects(io.adoptFile(3, { label: 3 as never }), "ERR_INVALID_ARG_TYPE");
        await rejects(io.adoptFile(3, { lable: "x" } as never), "ERR_UNKNOWN_OPTION");
      },
    },
    {
      id: "closed-backend",
      subjectNeeds,
      title: "of a backend that is closed, or closes meanwhile, it is adopted and closed or stays the program's",
      run: async (context) => {
        const descriptors = descriptorsOf(context);
        const descriptor = descriptors.open(await context.givenFile("x"));
        const io = context.open({});
        const adopting = io.adoptFile(descriptor).then(
          () => true,
          () => false,
        );
        await io.close();
        const adopted = await adopting;
        equal(descriptors.isOpen(descriptor), !adopted, "that the program has it");
        if (adopted) return;
        await rejects(io.adoptFile(descriptor), "ERR_BACKEND_CLOSED");
        ok(descriptors.isOpen(descriptor), "it is open");
        descriptors.close(descriptor);
      },
    },
    {
      id: "waits",
      subjectNeeds: withFifos,
      title: "a read of a FIFO waits for bytes, holds nothing up, and can be aborted",
      run: async (context) => {
        const { io } = context;
        const path = context.path("fifo");
        await context.subject.makeFifos!([path]);
        await using fifo = await io.adoptFile(descriptorsOf(context).open(path));
        const reading = readText(io, fifo, 5);
        await context.flush();
        equal((await io.stat(await context.givenFile("12345"))).size, 5, "the size of another file");
        await writeText(io, fifo, "hello");
        equal(await reading, "hello", "what is read");
        using buffer = io.buffers.take(8);
        await rejects(fifo.read(buffer, { timeoutMs: 5 }), "ERR_TIMEOUT", { buffer });
        await rejects(fifo.read(buffer, { position: 0 }), "ESPIPE", { buffer });
      },
    },
    {
      id: "ends-with-backend",
      subjectNeeds: withFifos,
      mutants: ["unseekable-waits-for-ever", "adopted-original-left-open"],
      title: "a read that waits for somebody else does not keep its backend from closing, nor its descriptor open",
      run: async (context) => {
        const path = context.path("fifo");
        await context.subject.makeFifos!([path]);
        const io = context.open({});
        const descriptor = descriptorsOf(context).open(path);
        const fifo = await io.adoptFile(descriptor);
        const buffer = io.buffers.take(8);
        const reading = rejects(fifo.read(buffer), ["ERR_BACKEND_CLOSED", "ERR_RESOURCE_CLOSED"], { buffer });
        await context.flush();
        const began = context.clock.nowMs();
        const report = await io.close();
        ok(context.clock.nowMs() - began < 2000, "it closes long before its deadline");
        equal(report.unconfirmedOperations, 0, "the operations that are unconfirmed");
        await reading;
        ok(!descriptorsOf(context).isOpen(descriptor), "the descriptor is closed");
        buffer.release();
      },
    },
  ],
};
