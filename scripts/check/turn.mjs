// @ts-check
import { runQuietly } from "../child.mjs";

/**
 * Which of so many parts a commit is checked with, as `2/4`: so many commits in a row are checked with all.
 *
 * @param {string} root
 * @param {number} parts
 */
export async function turnOfCommit(root, parts) {
  const { code, stdout } = await runQuietly("git", ["rev-list", "--count", "HEAD"], { cwd: root });
  return `${code === 0 ? (Number(stdout) % parts) + 1 : 1}/${parts}`;
}
