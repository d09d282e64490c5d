// x86 devices. The server core follows from four rates of one machine (xdp-paper, CoNEXT 2018); the N100 class leans on it.
import type { PartialProfile } from './quantity.ts';
import { datasheet, estimate, published } from './quantity.ts';

const XDP_PAPER = 'github.com/xdp-project/xdp-paper, CoNEXT 2018';
const ONE = estimate(
  1,
  'x',
  'the weights were measured on this instruction set (another compiler build)',
  [0.95, 1.05],
);

export const XEON_E5_1650V4: PartialProfile = {
  name: 'x86-server',
  title: 'x86 server core (Xeon E5-1650 v4 at 3.8 GHz, ConnectX-5)',
  instructionSet: 'x86-64',
  clock: published(3804, 'MHz', `[d15] perf stat under load, ${XDP_PAPER}`),
  cores: datasheet(6, 'cores', `[c01] E5-1650 v4, 6 cores, HT off, ${XDP_PAPER}`),
  instructionRatio: ONE,
  cyclesPerInstruction: published(
    0.57,
    'cycles/instruction',
    `line through 753, 1,146 and 2,091 cycles/packet of raw drop [c17], input drop [c19] and input drop with conntrack [c21] ` +
      `over our 453, 1,316 and 2,839 instructions of the same ways; ${XDP_PAPER}`,
    [0.45, 0.7],
  ),
  rxCycles: published(
    420,
    'cycles/packet',
    `what that line leaves at zero instructions, less the interrupt share: 753 - 453 x 0.57 - 41; ${XDP_PAPER} [c17]`,
    [300, 560],
  ),
  txCycles: published(
    635,
    'cycles/packet',
    `2,187 cycles/packet of IP forwarding [c01] less receive and 1,925 instructions; ${XDP_PAPER}`,
    [450, 850],
  ),
  cyclesPerOctet: published(
    0,
    'cycles/octet',
    `[c32] 8.2 Mpps of 1,500 octets on a half idle core: no cost per octet with DDIO; ${XDP_PAPER}`,
  ),
  interruptCycles: published(
    2450,
    'cycles',
    `[c26] at 0.25 Mpps a packet costs 3,192 cycles, at saturation 753: one packet a poll pays for the interrupt; ${XDP_PAPER}`,
    [1500, 3500],
  ),
  packetsPerPoll: published(59, 'packets', `[c40] average NAPI bulk under load; ${XDP_PAPER}`),
  hardware: {
    present: false,
    what: 'ConnectX NICs can take flows ([a13], [a15]: 8 Mpps or 23 Gbit/s at no CPU); not assumed',
  },
  notes: [
    "Kernel 4.18, retpoline off, no preemption: today's mitigations cost more.",
    'Few flows: everything is in the caches. [c16] 20,000 destinations raised cycles per instruction by 45% (XDP).',
  ],
};

export const INTEL_N100: PartialProfile = {
  name: 'x86-n100',
  title: 'small x86 router (Intel N100 class, igc 2.5G)',
  instructionSet: 'x86-64',
  clock: datasheet(
    3400,
    'MHz',
    'notebookcheck.com, Intel N100: 1 to 3.4 GHz, Gracemont, 6 W; less when all cores work for long',
  ),
  cores: datasheet(4, 'cores', 'as the clock'),
  instructionRatio: ONE,
  cyclesPerInstruction: estimate(
    0.8,
    'cycles/instruction',
    "the server core's 0.57 times 1.4: narrower core, one memory channel",
    [0.55, 1.2],
  ),
  rxCycles: estimate(650, 'cycles/packet', "the server core's 420 times 1.4, and no DDIO", [400, 1100]),
  txCycles: estimate(900, 'cycles/packet', "the server core's 635 times 1.4", [550, 1500]),
  cyclesPerOctet: estimate(
    0.02,
    'cycles/octet',
    'coherent DMA; no DDIO, so headers and little else come from memory',
    [0, 0.1],
  ),
  interruptCycles: estimate(3000, 'cycles', 'as the server core, times 1.2', [1500, 5000]),
  packetsPerPoll: estimate(32, 'packets', "half of the server core's 59: slower link", [8, 64]),
  hardware: { present: false, what: 'igc has no flow offload' },
  notes: ['No published forwarding figure stands behind this profile.'],
};
