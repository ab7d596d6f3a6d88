/** Numbers of up to 53 bits in two words of 32, the low one first, as records carry positions and durations. */

export function readWide(words: Int32Array, word: number): number {
  return words[word + 1]! * 0x1_0000_0000 + (words[word]! >>> 0);
}

/** The number may be negative. */
export function writeWide(words: Int32Array, word: number, value: number): void {
  words[word] = value | 0;
  words[word + 1] = Math.floor(value / 0x1_0000_0000);
}
