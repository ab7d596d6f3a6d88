/** Something that the demo checked and found wrong: not an error of the system, and not a bug of the demo. */
export class Finding extends Error {
  constructor(message: string) {
    super(message);
    this.name = "Finding";
  }
}
