// Packets sorted to the flows of a case: by nft's expressions, or by the ends of a connection, as the packets came (before
// NAT) and as they left (after it), so that both directions are one flow.
import { NftError } from '../base/errors.ts';
import type { EmulatedRouter, Passage } from '../replay/emulated-router.ts';
import type { DatagramBody } from './packet-line.ts';
import type { Scene } from './scene.ts';
import type { FlowCheck } from './suite-file.ts';
import type { SuiteSource } from './suite-source.ts';
import { Tally } from './tally.ts';
import { datagramOf } from './translation.ts';

export interface FlowRow {
  check: FlowCheck;
  tally: Tally;
}

export class FlowTallies {
  readonly rows: FlowRow[] = [];
  readonly #byEnds = new Map<string, FlowRow[]>();
  readonly #byConnection = new Map<number, FlowRow[]>();
  readonly #byMatch: { matches: (passage: Passage) => boolean; row: FlowRow }[] = [];

  /** Throws NftError for a match that is none. */
  constructor(checks: readonly FlowCheck[], router: EmulatedRouter, source: SuiteSource) {
    for (const check of checks) {
      const row = { check, tally: new Tally() };
      this.rows.push(row);
      if (check.flow?.body.kind === 'datagram') {
        for (const key of [endsKey(check.flow.body), endsKey(reversed(check.flow.body))]) {
          this.#byEnds.set(key, [...(this.#byEnds.get(key) ?? []), row]);
        }
      } else if (check.match !== undefined) {
        this.#byMatch.push({ matches: matcher(router, check, source), row });
      }
    }
  }

  add(passage: Passage, scene: Scene): void {
    if (this.rows.length === 0) return;
    for (const { matches, row } of this.#byMatch) if (matches(passage)) row.tally.add(passage, scene);
    if (this.#byEnds.size === 0) return;
    const body = datagramOf(passage.frame)?.body;
    const direct = body === undefined ? undefined : this.#byEnds.get(endsKey(body));
    // Answers to a translated address are found by their connection.
    const rows = direct ?? (passage.flow > 0 ? this.#byConnection.get(passage.flow) : undefined);
    if (rows === undefined) return;
    if (direct !== undefined && passage.flow > 0) this.#byConnection.set(passage.flow, direct);
    for (const row of rows) row.tally.add(passage, scene);
  }
}

function matcher(router: EmulatedRouter, check: FlowCheck, source: SuiteSource): (passage: Passage) => boolean {
  try {
    return router.matcher(check.match ?? '');
  } catch (error) {
    if (!(error instanceof NftError)) throw error;
    throw source.error([...check.path, 'match'], error.message.replace(/^[^:]*:\d+:\d+: /, ''));
  }
}

function endsKey({ protocol, source, destination }: DatagramBody): string {
  return `${protocol} ${source.address} ${source.port ?? ''} ${destination.address} ${destination.port ?? ''}`;
}

function reversed(body: DatagramBody): DatagramBody {
  return { ...body, source: body.destination, destination: body.source };
}
