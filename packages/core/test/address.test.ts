import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatAddress, parseAddress, readAddress, writeAddress } from "../src/spi/address.js";
import { ADDRESS_BYTES, ADDRESS_FAMILY } from "../src/spi/record.js";

const { ipv4, ipv6 } = ADDRESS_FAMILY;

describe("addresses", () => {
  test("IPv4: every text that fast-check makes comes back the same", () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const parsed = parseAddress(text)!;
        expect(parsed.family).toBe(ipv4);
        expect(formatAddress(parsed.family, parsed.bytes)).toBe(text);
      }),
    );
  });

  test("IPv6: bytes come back the same from their text", () => {
    // Zeros are what the short form is about, so there are many of them.
    const byte = fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      { weight: 2, arbitrary: fc.integer({ min: 0, max: 255 }) },
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.array(byte, { minLength: 16, maxLength: 16 }),
        (some, zeros) => {
          for (const bytes of [some, Uint8Array.from(zeros)]) {
            const text = formatAddress(ipv6, bytes);
            expect(isIPv6(text)).toBe(true);
            expect(parseAddress(text)).toEqual({ family: ipv6, bytes: Uint8Array.from(bytes), scope: 0 });
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("IPv6: every form of a text means the same bytes, and has one form of its own", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const parsed = parseAddress(text)!;
        const canonical = formatAddress(parsed.family, parsed.bytes);
        expect(parseAddress(canonical)!.bytes).toEqual(parsed.bytes);
        expect(formatAddress(ipv6, parseAddress(canonical)!.bytes)).toBe(canonical);
      }),
      { numRuns: 1000 },
    );
  });

  test("what is an address is what the runtime takes for one", () => {
    const piece = fc.constantFrom(
      "0",
      "1",
      "255",
      "256",
      "01",
      "00",
      "ffff",
      "10000",
      "g",
      "",
      "::",
      ":",
      ".",
      "127.0.0.1",
      "-1",
      " ",
    );
    const text = fc.array(fc.oneof(piece, fc.constantFrom(":", ".")), { maxLength: 17 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, (candidate) => {
        expect(parseAddress(candidate) !== undefined, candidate).toBe(isIPv4(candidate) || isIPv6(candidate));
      }),
      { numRuns: 5000 },
    );
  });

  test("the text of IPv6 is that of RFC 5952", () => {
    const canonical = (text: string) => {
      const { family, bytes, scope } = parseAddress(text)!;
      return formatAddress(family, bytes, scope);
    };
    expect(canonical("2001:0db8:0000:0000:0000:0000:0000:0001")).toBe("2001:db8::1");
    expect(canonical("2001:DB8::AAAA")).toBe("2001:db8::aaaa");
    // One group of zeros is not shortened, the longest run is, and of two the first.
    expect(canonical("2001:db8:0:1:1:1:1:1")).toBe("2001:db8:0:1:1:1:1:1");
    expect(canonical("2001:0:0:1:0:0:0:1")).toBe("2001:0:0:1::1");
    expect(canonical("2001:db8:0:0:1:0:0:1")).toBe("2001:db8::1:0:0:1");
    expect(canonical("::")).toBe("::");
    expect(canonical("::ffff:192.0.2.1")).toBe("::ffff:192.0.2.1");
    expect(canonical("fe80::1%3")).toBe("fe80::1%3");
  });

  test("an address comes back from the arena as it went in, and touches nothing around it", () => {
    const port = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), port, fc.nat({ max: 5 }), (text, number, area) => {
        const memory = new ArrayBuffer(ADDRESS_BYTES * 8);
        const bytes = new Uint8Array(memory).fill(0xaa);
        const words = new Int32Array(memory);
        const offset = (area + 1) * ADDRESS_BYTES;
        const parsed = parseAddress(text)!;
        writeAddress(bytes, words, offset, parsed, number);
        const { family, address, port: read } = readAddress(bytes, words, offset);
        expect(family).toBe(parsed.family === ipv4 ? "ipv4" : "ipv6");
        expect(address).toBe(formatAddress(parsed.family, parsed.bytes, parsed.scope));
        expect(read).toBe(number);
        expect(bytes.subarray(0, offset).every((byte) => byte === 0xaa)).toBe(true);
        expect(bytes.subarray(offset + ADDRESS_BYTES).every((byte) => byte === 0xaa)).toBe(true);
      }),
    );
  });
});
