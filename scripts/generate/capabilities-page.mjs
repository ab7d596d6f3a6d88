/** The page that says what each driver does, and how: made from what the drivers declare. */
import { NOTE, table } from "./reference-pages.mjs";

const KIND_TEXT = { native: "native", emulated: "emulated", unsupported: "–" };

/** @param {any} support What a driver says of one thing. */
const textOf = (support) => (support.kind === "unsupported" ? support.why : support.how);

/**
 * How one driver does what it does: each explanation once, with the names it is for.
 *
 * @param {string} driver
 * @param {any} capabilities
 */
function explain(driver, capabilities) {
  const named = [...Object.entries(capabilities.operations), ...Object.entries(capabilities.features)];
  const lines = Object.entries(KIND_TEXT).flatMap(([kind]) => {
    /** @type {Map<string, string[]>} */
    const byText = new Map();
    for (const [name, support] of named) {
      if (support.kind !== kind) continue;
      const text = textOf(support) ?? "as the system offers it";
      byText.set(text, [...(byText.get(text) ?? []), `\`${name}\``]);
    }
    return [...byText].map(([text, names]) => `- *${kind}*, ${text}: ${names.join(", ")}`);
  });
  return [`### ${driver}`, "", ...lines].join("\n");
}

/**
 * @param {any} tables What `loadTables` gives.
 * @param {Record<string, any>} declarations What `loadCapabilities` gives.
 * @returns {string}
 */
export function renderCapabilitiesPage({ opcodeTable, featureTable }, declarations) {
  const drivers = Object.keys(declarations);
  /** @param {"operations" | "features"} part @param {string} name */
  const cells = (part, name) => drivers.map((driver) => KIND_TEXT[declarations[driver][part][name].kind]);
  const operations = opcodeTable.map(({ name }) => [
    `[\`${name}\`](operations.md#${name.toLowerCase()})`,
    ...cells("operations", name),
  ]);
  const features = featureTable.map(([name]) => [`\`${name}\``, ...cells("features", name)]);
  return `${NOTE("packages/core/src/spi/{opcode,capability}.ts and what the drivers declare")}

# Capabilities

What each driver can do with its default options on a system that has everything it can use: a current Linux with
io_uring, a current Node. What *your* backend can do, on the machine it runs on, \`io.capabilities\` says.

*native*: by the mechanism the driver is made of. *emulated*: by other means that behave the same, named below. –: not at
all, and asking for it is \`ERR_UNSUPPORTED\` unless core does it by itself; why stands below.

| | ${drivers.join(" | ")} |
| --- | ${drivers.map(() => "---").join(" | ")} |
${table(["", ...drivers], operations)
  .split("\n")
  .slice(2)
  .join("\n")}
${table(["", ...drivers], features)
  .split("\n")
  .slice(2)
  .join("\n")}

What each feature is: [operations, features](operations.md#features).

## How

${drivers.map((driver) => explain(driver, declarations[driver])).join("\n\n")}
`;
}
