/** Reading environment variables where the runtime may forbid it. */

/** Environment variables by name, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The same variables, of which those that the runtime does not let the program read are `undefined`: Deno without
 * `--allow-env` throws for each.
 *
 * @example const level = readableEnvironment(process.env)["BATON_LOG"];
 */
export function readableEnvironment(env: Environment): Environment {
  // Not over `env` itself: a proxy asks its target for the property's descriptor too, and Deno's throws for that.
  return new Proxy<Environment>(Object.create(null) as Environment, {
    get: (_target, name) => {
      try {
        return Reflect.get(env, name) as unknown;
      } catch {
        return undefined;
      }
    },
  });
}
