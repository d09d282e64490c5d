// What packets come to on one side of a comparison, by flow and in all: verdicts, cycles, how many a flowtable forwarded.
import { u8, u32 } from '../base/columns.ts';
import { packetCycles, price } from '../cost/pricing.ts';
import type { Profile } from '../cost/profile.ts';
import { PATH_SLOW, VERDICTS } from '../packet/packet.ts';
import { workingSet } from '../replay/working-set.ts';
import type { ColumnReplay, PacketColumns } from './columns.ts';

/** What packets of one side come to. */
export interface SideFigures {
  packets: number;
  bytes: number;
  cycles: number;
  /** Packets that a flowtable forwarded. */
  fastPackets: number;
  /** By verdict: index as VERDICTS. */
  verdicts: number[];
}

/** Adds up one side, by flow and in all. */
export class Figures {
  readonly #columns: PacketColumns;
  readonly #cycles: (path: number, octets: number) => number;
  readonly #byFlow: SideFigures[] = [];

  constructor(replay: ColumnReplay, profile: Profile) {
    this.#columns = replay.columns;
    const { result } = replay;
    const pricing = price(result.paths, result.names, profile, workingSet(result));
    this.#cycles = (path, octets) => packetCycles(pricing, path, octets);
  }

  add(row: number, flow: number): void {
    const columns = this.#columns;
    let figures = this.#byFlow[flow];
    if (figures === undefined) {
      figures = noFigures();
      this.#byFlow[flow] = figures;
    }
    const octets = u32(columns.wireOctets, row);
    figures.packets++;
    figures.bytes += octets;
    figures.cycles += this.#cycles(u32(columns.path, row), octets);
    if (u8(columns.pathClass, row) !== PATH_SLOW) figures.fastPackets++;
    const verdict = u8(columns.verdict, row);
    figures.verdicts[verdict] = (figures.verdicts[verdict] ?? 0) + 1;
  }

  of(flows: Iterable<number>): SideFigures {
    const sum = noFigures();
    for (const flow of flows) {
      const row = this.#byFlow[flow];
      if (row === undefined) continue;
      sum.packets += row.packets;
      sum.bytes += row.bytes;
      sum.cycles += row.cycles;
      sum.fastPackets += row.fastPackets;
      for (let verdict = 0; verdict < VERDICTS.length; verdict++) {
        sum.verdicts[verdict] = (sum.verdicts[verdict] ?? 0) + (row.verdicts[verdict] ?? 0);
      }
    }
    return sum;
  }

  all(): SideFigures {
    return this.of(this.#byFlow.keys());
  }
}

function noFigures(): SideFigures {
  return { packets: 0, bytes: 0, cycles: 0, fastPackets: 0, verdicts: VERDICTS.map(() => 0) };
}
