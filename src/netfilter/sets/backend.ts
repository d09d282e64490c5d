// How a set finds the element of a key (struct nft_set_ops): one interface, several structures (choose.ts). A backend
// knows keys and element numbers only; what an element holds is the set's business (elements.ts).

export interface SetBackend {
  /** The element whose key the octets at `offset` are, or -1; never one that has expired at `nowNs`. */
  find(octets: Uint8Array, offset: number, nowNs: number): number;
  /** Adds what the kernel would do to find that key (rows of WORK, src/event/vocabulary.ts); absent: always the same. */
  countWork?(octets: Uint8Array, offset: number, amounts: Float64Array): void;
}
