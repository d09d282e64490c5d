// Reading and writing typed arrays whose indexes the caller has checked. One accessor for each array type:
// a shared one would see several types and V8 would stop specialising it.

/**
 * Zero for a field that will hold times and other numbers beyond 31 bits (it is -0, which equals 0): V8 then takes the
 * field for a double from the start. One that became a double in the middle of a replay would throw away all code
 * compiled for objects of its class.
 */
export const DOUBLE_ZERO = -0;

/** The value at a checked index. */
export function u8(array: Uint8Array, index: number): number {
  return array[index] as number;
}
/** The value at a checked index. */
export function u16(array: Uint16Array, index: number): number {
  return array[index] as number;
}
/** The value at a checked index. */
export function u32(array: Uint32Array, index: number): number {
  return array[index] as number;
}
/** The value at a checked index. */
export function i32(array: Int32Array, index: number): number {
  return array[index] as number;
}
/** The value at a checked index. */
export function f64(array: Float64Array, index: number): number {
  return array[index] as number;
}

/** Big-endian 16-bit value at octet `offset` (network order). */
export function be16(data: Uint8Array, offset: number): number {
  return ((data[offset] as number) << 8) | (data[offset + 1] as number);
}
/** Big-endian 32-bit value at octet `offset`, unsigned. */
export function be32(data: Uint8Array, offset: number): number {
  return (
    (((data[offset] as number) << 24) |
      ((data[offset + 1] as number) << 16) |
      ((data[offset + 2] as number) << 8) |
      (data[offset + 3] as number)) >>>
    0
  );
}
/** Writes a big-endian 16-bit value. */
export function putBe16(data: Uint8Array, offset: number, value: number): void {
  data[offset] = value >>> 8;
  data[offset + 1] = value;
}
/** Writes a big-endian 32-bit value. */
export function putBe32(data: Uint8Array, offset: number, value: number): void {
  data[offset] = value >>> 24;
  data[offset + 1] = value >>> 16;
  data[offset + 2] = value >>> 8;
  data[offset + 3] = value;
}

/** A copy with twice the room (at least `minimum`), old values kept. */
export function growU8(array: Uint8Array, minimum = 0): Uint8Array {
  const grown = new Uint8Array(Math.max(array.length * 2, minimum, 16));
  grown.set(array);
  return grown;
}
/** A copy with twice the room (at least `minimum`), old values kept. */
export function growU32(array: Uint32Array, minimum = 0): Uint32Array {
  const grown = new Uint32Array(Math.max(array.length * 2, minimum, 16));
  grown.set(array);
  return grown;
}
/** A copy with twice the room (at least `minimum`), old values kept. */
export function growI32(array: Int32Array, minimum = 0): Int32Array {
  const grown = new Int32Array(Math.max(array.length * 2, minimum, 16));
  grown.set(array);
  return grown;
}
/** A copy with twice the room (at least `minimum`), old values kept. */
export function growF64(array: Float64Array, minimum = 0): Float64Array {
  const grown = new Float64Array(Math.max(array.length * 2, minimum, 16));
  grown.set(array);
  return grown;
}
