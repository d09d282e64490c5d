// MIPS routers. Instructions are those of arm64 times a ratio (src/cost/weights/mips.ts); cycles lean on three
// published loads of real routers, all with low or medium confidence.
import type { PartialProfile } from './quantity.ts';
import { datasheet, estimate } from './quantity.ts';

export const MT7621: PartialProfile = {
  name: 'mt7621',
  title: 'MediaTek MT7621 router (MIPS 1004Kc, 2 cores / 4 threads)',
  instructionSet: 'mips',
  clock: datasheet(880, 'MHz', '[x14] computed with 880 MHz; MT7621 boot logs on linux-mips [d01]'),
  cores: datasheet(2, 'cores', '[d01] VPE topology {2,2}: two cores of two threads; a thread is less than a core'),
  instructionRatio: estimate(1, 'x', 'the ratio to arm64 stands in the weights', [0.85, 1.2]),
  cyclesPerInstruction: estimate(
    1.6,
    'cycles/instruction',
    'in order, single issue, 32 KiB L1, 256 KiB L2 [d02]; with it the slow path lies between [x14] and [x16], software offload 10% above [x21] and half of [x12]',
    [1.2, 2.4],
  ),
  rxCycles: estimate(
    3000,
    'cycles/packet',
    'mtk_eth_soc and DSA tag; what [x21] 13,032 cycles per data packet of software offload leaves, shared with sending',
    [1500, 6000],
  ),
  txCycles: estimate(2500, 'cycles/packet', 'as receiving', [1200, 5000]),
  cyclesPerOctet: estimate(
    0.6,
    'cycles/octet',
    'non-coherent DMA with lines of 32 octets; [b107] shows that it matters',
    [0.1, 1.5],
  ),
  interruptCycles: estimate(4000, 'cycles', 'as the Cortex-A53 boards', [2000, 8000]),
  packetsPerPoll: estimate(32, 'packets', 'half of the NAPI budget of 64', [8, 64]),
  hardware: {
    present: true,
    what: 'MediaTek PPE: IPv4 NAT and NAPT, IPv6 routes, DS-Lite, 6RD, PPPoE, VLAN [d04]',
    entries: datasheet(
      8192,
      'entries',
      '[d06] drivers/net/ethernet/mediatek/mtk_ppe.h up to about 6.12 (16384 proposed [d07])',
    ),
    bindRate: datasheet(30, 'packets/s', '[d08] BIND_RATE of mtk_ppe.c'),
    throughput: datasheet(
      2000,
      'Mbit/s',
      '[d05] MT7620 programming guide: wire speed at any size with up to 16 active flows',
    ),
  },
  notes: [
    'Every packet by itself: GRO, on by default, makes bulk TCP cheaper.',
    'Cycles are of a whole core: two threads of one core share it.',
  ],
};
