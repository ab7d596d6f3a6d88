/** Progress of the demo: a bar on a terminal, nothing in a pipe. */
import { Presets, SingleBar } from "cli-progress";

export interface Progress {
  /** Shows how far a part has come; the first call of a part starts its bar. */
  update(label: string, done: number, total: number): void;
  /** Takes the bar off the screen. */
  clear(): void;
}

const silent: Progress = { update: () => undefined, clear: () => undefined };

/** Bars on stderr, so that the output itself stays clean. */
export function createProgress(stream: NodeJS.WriteStream): Progress {
  if (stream.isTTY !== true) return silent;
  let bar: SingleBar | undefined;
  let current = "";
  const clear = () => {
    bar?.stop();
    bar = undefined;
    current = "";
  };
  return {
    update: (label, done, total) => {
      if (label !== current) {
        clear();
        current = label;
        bar = new SingleBar(
          { format: `  ${label} {bar} {percentage}%`, clearOnComplete: true, hideCursor: true, stream },
          Presets.shades_classic,
        );
        bar.start(total, done);
      }
      bar?.update(done);
    },
    clear,
  };
}
