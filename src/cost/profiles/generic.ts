// The two profiles that price exactly what was measured: instructions from IP receive, or the ingress hook, to a dummy
// driver's transmit, at one cycle each. Neither is a device; they are for comparing rulesets and for the calibration.
import { fallback, type Profile, QUANTITIES, type Quantity, type QuantityKey } from '../profile.ts';
import { measured } from './quantity.ts';

const METHOD = 'kernel judge `insn`: Linux 6.12.117 under emulation, 1 instruction = 1 ns';
const NONE = 'not in what `insn` measures';

function generic(instructionSet: 'x86-64' | 'arm64'): Profile {
  const said = quantities();
  return {
    name: `generic-${instructionSet}`,
    title: `instructions only, ${instructionSet} (no device)`,
    instructionSet,
    aliases: [],
    ...(Object.fromEntries(QUANTITIES.map(({ key }) => [key, said[key] ?? fallback(key, 1)])) as Record<
      QuantityKey,
      Quantity
    >),
    hardware: { present: false, what: 'none' },
    notes: [
      'Cycles are instructions: no caches, no branch misses, no driver, no DMA, no NAPI, no skb allocation.',
      'Mitigations off, HZ=250, Debian build; conntrack checksums only where the replay computes them.',
    ],
  };
}

function quantities(): Partial<Record<QuantityKey, Quantity>> {
  return {
    clock: measured(1000, 'MHz', METHOD),
    cores: measured(1, 'cores', METHOD),
    instructionRatio: measured(1, 'x', 'by definition: these weights were fitted to this instruction set'),
    cyclesPerInstruction: {
      ...measured(1, 'cycles/instruction', 'by definition: a cycle here is an instruction'),
      low: 1,
      high: 1,
    },
    ruleRatio: { ...measured(1, 'x', 'by definition'), low: 1, high: 1 },
    scanRatio: { ...measured(1, 'x', 'by definition'), low: 1, high: 1 },
    rxCycles: measured(0, 'cycles/packet', NONE),
    txCycles: measured(0, 'cycles/packet', NONE),
    cyclesPerOctet: measured(0, 'cycles/octet', `${NONE}; 1,500 octets cost what 66 do, but for checksums`),
    interruptCycles: measured(0, 'cycles', NONE),
    packetsPerPoll: measured(1, 'packets', NONE),
    modelSpread: measured(0, 'x', 'by definition'),
    l2Cycles: measured(0, 'cycles', NONE),
    l3Cycles: measured(0, 'cycles', NONE),
    memoryCycles: measured(0, 'cycles', NONE),
  };
}

export const GENERIC_X86_64: Profile = generic('x86-64');
export const GENERIC_ARM64: Profile = generic('arm64');
