// `--events`: one JSON line for each input packet, in order.
import { f64 } from '../base/columns.ts';
import type { Pricing } from '../cost/pricing.ts';
import { packetCycles } from '../cost/pricing.ts';
import { REASONS } from '../event/reasons.ts';
import type { EventNames } from '../event/vocabulary.ts';
import { PATH_CLASSES, VERDICTS } from '../packet/packet.ts';
import type { EventRow } from '../replay/event-rows.ts';

/** Writes lines; one object for a replay. */
export class EventLines {
  readonly #names: EventNames;
  readonly #pricing: Pricing | undefined;
  readonly #firstNs: bigint;
  readonly #reasons = new Map<number, string>();

  constructor(names: EventNames, pricing: Pricing | undefined, firstTimeNs: string | undefined) {
    this.#names = names;
    this.#pricing = pricing;
    this.#firstNs = BigInt(firstTimeNs ?? '0');
  }

  /** One line with its newline. `time` is seconds since 1970 with nine digits; `cycles` are estimated. */
  line(row: EventRow): string {
    const names = this.#names.interfaces;
    const instructions = this.#pricing === undefined ? 0 : Math.round(f64(this.#pricing.instructions, row.path));
    const cycles = this.#pricing === undefined ? 0 : Math.round(packetCycles(this.#pricing, row.path, row.wireOctets));
    const out = row.outs.map((index) => JSON.stringify(names[index] ?? '')).join(',');
    return (
      `{"packet":${row.packet},"time":${this.#time(row.timeNs)},"in":${JSON.stringify(names[row.ifindex] ?? '')},` +
      `"verdict":"${VERDICTS[row.verdict]}","path":"${PATH_CLASSES[row.pathClass]}","out":[${out}],` +
      `"reason":${this.#reason(row)},"flow":${row.flow > 0 ? row.flow : 'null'},` +
      `"instructions":${instructions},"cycles":${cycles}}\n`
    );
  }

  #time(timeNs: number): string {
    const now = this.#firstNs + BigInt(Math.round(timeNs));
    const sign = now < 0n ? '-' : '';
    const absolute = now < 0n ? -now : now;
    return `${sign}${absolute / 1_000_000_000n}.${(absolute % 1_000_000_000n).toString().padStart(9, '0')}`;
  }

  /** `null`, `"ttl"`, `"rule inet fw4 input 3"`, `"policy inet fw4 input"`. */
  #reason(row: EventRow): string {
    if (row.reason === 0) return 'null';
    const key = row.reason * 0x2000000 + row.detail + 1;
    let text = this.#reasons.get(key);
    if (text === undefined) {
      text = JSON.stringify(this.#reasonText(row));
      if (this.#reasons.size < 65_536) this.#reasons.set(key, text);
    }
    return text;
  }

  #reasonText(row: EventRow): string {
    const name = REASONS[row.reason]?.name ?? '';
    if (row.detail < 0) return name;
    if (name === 'policy') return `policy ${this.#names.chains[row.detail] ?? ''}`;
    const rule = this.#names.rules[row.detail];
    return rule === undefined ? name : `${name} ${rule.chain} ${rule.place}`;
  }
}
