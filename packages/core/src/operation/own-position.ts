/**
 * The own position of an open file that can seek. It is kept here and nowhere else, so that every driver goes by the
 * same one: the kernel's moves in some cases and not in others (with io_uring not when a transfer ends short, and never
 * past the page cache; Linux 6.18). Every transfer of such a file is handed to the driver with an explicit position;
 * only an append is not, because where it goes only the system knows, and what the system refuses to do at a position:
 * writes of some files under /proc, which are read at positions and written only where they stand.
 */
import type { Entry, OperationPosition } from "./entry.js";

export class OwnPosition implements OperationPosition {
  #offset: number;
  /** Bytes were appended: it stands at the end, wherever that is by the time somebody asks. */
  #atEnd = false;
  /** Reads, or writes, cannot be told where: they go where the system has them. */
  readonly #placeless = { reads: false, writes: false };
  /** How often bytes were appended. */
  #appends = 0;
  readonly #findEnd: (() => Promise<number>) | undefined;

  /**
   * @param offset where it stands, bytes
   * @param findEnd tells where the file ends; only for a file that is opened for appending
   */
  constructor(offset: number, findEnd?: () => Promise<number>) {
    this.#offset = offset;
    this.#findEnd = findEnd;
  }

  /** Writes go to the end of the file, wherever the position is. */
  get appends(): boolean {
    return this.#findEnd !== undefined;
  }

  /** Where the next transfer starts, bytes; `undefined` when that has to be found out first. */
  get offset(): number | undefined {
    return this.#atEnd ? undefined : this.#offset;
  }

  /** Finds out where the end is. Rejects with the system's error. */
  async find(): Promise<void> {
    if (!this.#atEnd || this.#findEnd === undefined) return;
    const appends = this.#appends;
    const end = await this.#findEnd();
    // Whoever asked may have been canceled meanwhile, and then others have gone on: an answer of before says nothing.
    if (!this.#atEnd || this.#appends !== appends) return;
    this.#offset = end;
    this.#atEnd = false;
  }

  /** Where the next read or write starts: −1 where only the system knows, `undefined` when it has to be found out first. */
  startOf(reads: boolean): number | undefined {
    if (reads ? this.#placeless.reads : this.#placeless.writes) return -1;
    return this.appends && !reads ? -1 : this.offset;
  }

  /** The system has refused to read or write at a position, and is to be asked without one. */
  refused(reads: boolean): void {
    this.#placeless[reads ? "reads" : "writes"] = true;
  }

  /**
   * An operation that went by the position has ended after `bytes`. What was written is written, whoever heard of it.
   * What was read and nobody was `told` of is read again by the next one: the position stays.
   */
  ended(entry: Entry, bytes: number, told: boolean): void {
    if (entry.lendExclusive) {
      if (told) this.#offset += bytes;
    } else {
      this.wrote(bytes);
    }
  }

  /** So many bytes were read at the position. */
  read(bytes: number): void {
    this.#offset += bytes;
  }

  /** So many bytes were written at the position, or appended. */
  wrote(bytes: number): void {
    if (bytes === 0) return;
    if (this.appends) this.#appended();
    else this.#offset += bytes;
  }

  #appended(): void {
    this.#atEnd = true;
    this.#appends++;
  }
}
