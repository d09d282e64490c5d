// The plan as JSON for programs, and its tables as CSV. `schema` names the shape; its number goes up when a key changes
// its meaning or goes away (docs/plan.schema.json, src/report/schema-plan.ts).
import type { Band, ModePlan, Plan } from '../plan/result.ts';
import { LOSS_FREE } from '../plan/search.ts';

/** Name and version of the shape of jsonPlan. */
export const PLAN_SCHEMA = 'nftreplay.plan/1';

/** A plain object that JSON.stringify takes. */
export function jsonPlan(plan: Plan): object {
  const { version, rulesetPath, routerPath, target, router, ...rest } = plan;
  const { factor, clones, speed, copies } = target.scaling;
  return {
    schema: PLAN_SCHEMA,
    version,
    ruleset: { path: rulesetPath },
    router: { path: routerPath ?? null, ...router },
    lossFree: LOSS_FREE,
    ...rest,
    target: {
      text: target.text,
      packetsPerSecond: target.packetsPerSecond,
      bitsPerSecond: target.bitsPerSecond,
      factor,
      clones,
      speed,
      copies,
    },
    devices: plan.devices.map(({ hardware, ...device }) => ({
      ...device,
      hardware: { present: hardware.present, what: hardware.what },
      modes: device.modes.map((mode) => modeJson(plan, mode)),
      advice: device.advice.map((row) => ({
        ...row,
        gain: finite(row.gain),
        gainBand: {
          value: finite(row.gainBand.value),
          low: finite(row.gainBand.low),
          high: finite(row.gainBand.high),
        },
      })),
    })),
  };
}

function modeJson({ traffic }: Plan, { absent, ...mode }: ModePlan): object {
  if (absent !== undefined) return { mode: mode.mode, absent };
  return {
    ...mode,
    capacityBitsPerSecond: scaled(mode.capacity, traffic.bitsPerSecond),
    capacityPacketsPerSecond: scaled(mode.capacity, traffic.packetsPerSecond),
  };
}

function scaled(band: Band, factor: number): Band {
  return { value: band.value * factor, low: band.low * factor, high: band.high * factor };
}

/** The sweeps as CSV, or the devices' tables when there are none. */
export function csvPlan(plan: Plan): string {
  const rows: string[][] = [];
  if (plan.sweeps.length > 0) {
    rows.push(['sweep', 'profile', 'at', 'column', 'value', 'low', 'high']);
    for (const sweep of plan.sweeps) {
      for (const row of sweep.rows) {
        row.cells.forEach((cell, index) => {
          const name = sweep.columns[index + 1] ?? '';
          const values = typeof cell === 'string' ? [cell, '', ''] : numbers(cell);
          rows.push([sweep.kind, sweep.profile, row.value, name, ...values]);
        });
      }
    }
  } else {
    rows.push(['profile', 'offload', 'figure', 'value', 'low', 'high']);
    for (const device of plan.devices) {
      for (const mode of device.modes) {
        if (mode.absent !== undefined) continue;
        for (const [name, band] of figures(plan, mode)) rows.push([device.profile, mode.mode, name, ...numbers(band)]);
      }
    }
  }
  return `${rows.map((row) => row.map(field).join(',')).join('\r\n')}\r\n`;
}

function figures({ traffic }: Plan, mode: ModePlan): [string, Band][] {
  const { target } = mode;
  return [
    ['capacity factor', mode.capacity],
    ['capacity bit/s', scaled(mode.capacity, traffic.bitsPerSecond)],
    ['capacity packets/s', scaled(mode.capacity, traffic.packetsPerSecond)],
    ['cycles per packet', mode.cyclesPerPacket],
    ['busiest core', target.busiestCore],
    ['all cores', target.allCores],
    ['headroom', mode.headroom],
    ['loss', target.loss],
    ['latency p50 ns', target.p50Ns],
    ['latency p99 ns', target.p99Ns],
    ['latency p99.9 ns', target.p999Ns],
    ['jitter ns', target.jitterNs],
  ];
}

function numbers({ value, low, high }: Band): string[] {
  return [value, low, high].map((number) => String(Number(number.toPrecision(6))));
}

/** RFC 4180; a leading sign would make a spreadsheet compute. */
function field(text: string): string {
  const safe = /^[=+@\t-]/.test(text) && !/^-?\d/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** From nothing to something is no number. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
