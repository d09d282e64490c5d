// Sends a packet of the oracle's through our router and says what differs.
import { type OraclePacket, oracleConnection, ourConnections } from './oracle-result.ts';
import { byInterface, masked, octets, type Scene } from './scene.ts';

/** What the oracle may call a packet that ours calls so. */
const VERDICTS: Record<string, string[]> = {
  forwarded: ['forward'],
  dropped: ['drop'],
  local: ['local', 'forward'],
  consumed: ['consumed', 'local', 'drop'],
  not_sent: ['forward', 'local', 'drop'],
};

/** What differs of a packet: verdict, frames, connections; empty when nothing does. */
export function comparePacket(scene: Scene, packet: OraclePacket, index: number): string[] {
  const { verdict, reason, outputs } = scene.send(packet.in_iface, octets(packet.in_hex), packet.guest_ns);
  const differences: string[] = [];
  if (!VERDICTS[packet.verdict]?.includes(verdict)) {
    differences.push(`kernel ${packet.verdict} ${packet.drop?.reason ?? ''}, ours ${verdict} ${reason}`);
  }
  const kernels = byInterface(packet.outputs) as OraclePacket['outputs'];
  const theirs = kernels.map((out) => `${out.iface} ${masked(out.hex, out.kind !== 'forwarded')}`);
  const ours = byInterface(outputs).map(
    (out, j) => `${out.iface} ${masked(out.hex, kernels[j]?.kind !== 'forwarded')}`,
  );
  if (theirs.join() !== ours.join())
    differences.push(...theirs.map((one) => `kernel ${one}`), ...ours.map((one) => `ours   ${one}`));
  if (packet.conntrack !== undefined) differences.push(...compareConnections(scene, packet));
  return differences.length === 0 ? [] : [`packet ${index} in ${packet.in_iface} ${packet.in_hex}`, ...differences];
}

/** As comparePacket, of the interfaces and lengths only. */
export function compareWay(scene: Scene, packet: OraclePacket, index: number): string[] {
  const { outputs } = scene.send(packet.in_iface, octets(packet.in_hex), packet.guest_ns);
  const way = (rows: { iface: string; hex: string }[]): string =>
    rows.map((row) => `${row.iface} ${row.hex.length}`).join();
  return way(outputs) === way(packet.outputs)
    ? []
    : [`packet ${index}: kernel ${way(packet.outputs)}, ours ${way(outputs)}`];
}

/** Timeouts may differ by the second that the kernel's dump truncates and the time until the dump. */
function compareConnections(scene: Scene, packet: OraclePacket): string[] {
  const theirs = (packet.conntrack ?? []).map((row) => ({ text: oracleConnection(row), timeout: row.timeout }));
  const ours = ourConnections(scene.router.netfilter.conntrack.table, packet.guest_ns);
  const sorted = (rows: { text: string }[]): string =>
    rows
      .map((row) => row.text)
      .sort()
      .join('\n');
  if (sorted(theirs) !== sorted(ours)) return ['kernel connections:', sorted(theirs), 'ours:', sorted(ours)];
  return theirs.flatMap((row) => {
    const mine = ours.find((one) => one.text === row.text);
    if (row.timeout === undefined || mine?.timeout === undefined) return [];
    const difference = mine.timeout - row.timeout;
    return difference < -0.1 || difference > 1.6 ? [`timeout ${row.timeout} of ${row.text}, ours ${mine.timeout}`] : [];
  });
}
