// Where a register number of `nft --debug=netlink` lies in the 80 octets of registers that an evaluation has
// (struct nft_regs: 16 for the verdict, then 64 of data).

/** Octets of the register file. */
export const REGISTER_FILE_LENGTH = 80;

/** Octet offset of a register: 1-4 are 16 octets each, 8-23 are 4 octets each over the same room. */
export function registerOffset(register: number): number {
  return register <= 4 ? register * 16 : 16 + (register - 8) * 4;
}
