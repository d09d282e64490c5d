// What a kernel chooses at random is compared up to renaming: source ports that NAT picks because the own one is taken
// (get_unique_tuple's search starts anywhere). A connection of one side is the other's but for the port that its answers
// come to; frames from and to such a port are compared with port and checksum blanked.

/** A connection's line without the port at the router that NAT chose; undefined: it kept the sender's. */
export interface ChosenPort {
  text: string;
  /** `203.0.113.1 48406`: whom the answers go to. */
  at: string;
}

/** Of a line of `conntrack -L`. */
export function chosenPort(line: string): ChosenPort | undefined {
  const ports = [...line.matchAll(/\b(sport|dport)=(\d+)/g)];
  const addresses = [...line.matchAll(/\bdst=(\S+)/g)].map((match) => match[1] ?? '');
  const [sport, , , answered] = ports;
  if (sport === undefined || answered === undefined || sport[2] === answered[2]) return undefined;
  const { index } = answered;
  const text = `${line.slice(0, index)}dport=chosen${line.slice(index + answered[0].length)}`;
  return { text, at: `${addresses[1]} ${answered[2]}` };
}

/** Blanks the chosen ports of an IPv4 datagram, and the checksum that covers them. */
export function blankChosenPorts(data: Buffer, network: number, chosen: ReadonlySet<string>): void {
  if (chosen.size === 0 || network + 20 > data.length || (data[network] ?? 0) >>> 4 !== 4) return;
  const transport = network + ((data[network] ?? 0) & 15) * 4;
  const checksum = { 6: 16, 17: 6 }[data[network + 9] ?? 0];
  if (checksum === undefined || transport + 8 > data.length) return;
  for (const [address, port] of [
    [network + 12, transport],
    [network + 16, transport + 2],
  ] as const) {
    const name = `${data.subarray(address, address + 4).join('.')} ${data.readUInt16BE(port)}`;
    if (!chosen.has(name)) continue;
    data.fill(0, port, port + 2);
    const end = transport + checksum + 2;
    if (end <= data.length) data.fill(0, end - 2, end);
  }
}
