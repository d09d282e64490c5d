// ARM64 routers. Cortex-A53 figures follow from one board with performance counters (Espressobin, xdp-project); what a
// SoC's own driver and memory add is an estimate until somebody measures it.
import type { HardwareEngine, Quantity } from '../profile.ts';
import type { PartialProfile } from './quantity.ts';
import { datasheet, estimate, published } from './quantity.ts';

const ESPRESSOBIN = 'xdp-project/areas/arm64/board_espressobin*.org (Armada 3720, Cortex-A53 1.0 GHz, mvneta + DSA)';
const ONE = estimate(
  1,
  'x',
  'the weights were measured on this instruction set (another compiler build)',
  [0.95, 1.05],
);

const A53_CPI = published(
  1.77,
  'cycles/instruction',
  `[c120] 2,193 instructions and 3,879 cycles per packet dropped in raw; ${ESPRESSOBIN}`,
  [1.35, 2.3],
);
const A53_RX = estimate(
  2740,
  'cycles/packet',
  `[c118] 3,626 cycles/packet less 502 instructions x 1.77, taken over from ${ESPRESSOBIN}`,
  [1500, 4500],
);
const A53_TX = estimate(
  2700,
  'cycles/packet',
  'as receiving: descriptor, DMA mapping, switch tag, freeing the skb',
  [1400, 4500],
);
const A53_OCTET = estimate(
  0.3,
  'cycles/octet',
  'non-coherent DMA: some 20 cycles to invalidate a line of 64 octets; [b107] shows that it matters',
  [0.05, 0.8],
);
const INTERRUPT = estimate(
  4000,
  'cycles',
  "the x86 server's 2,450 times the ratio of cycles per instruction, halved: simpler controller",
  [2000, 8000],
);
const PER_POLL = estimate(32, 'packets', 'half of the NAPI budget of 64', [8, 64]);

const NOTES = [
  'Every packet by itself: GRO, on by default, makes bulk TCP cheaper ([b101] about twice on another board).',
];

/** MediaTek's packet processing engine as its Linux driver drives it. */
const MEDIATEK_PPE: HardwareEngine = {
  present: true,
  what: 'MediaTek PPE: IPv4 NAT, IPv4 and IPv6 routes, PPPoE, VLAN; flows that a software path learned first',
  entries: datasheet(
    8192,
    'entries',
    '[d06] drivers/net/ethernet/mediatek/mtk_ppe.h up to about 6.12 (16384 proposed [d07])',
  ),
  bindRate: datasheet(30, 'packets/s', '[d08] BIND_RATE of mtk_ppe.c'),
};

interface A53Router {
  name: string;
  title: string;
  clock: Quantity;
  cores: Quantity;
  hardware: HardwareEngine;
  rxCycles?: Quantity;
  txCycles?: Quantity;
  notes?: string[];
}

function cortexA53(router: A53Router): PartialProfile {
  return {
    name: router.name,
    title: router.title,
    instructionSet: 'arm64',
    clock: router.clock,
    cores: router.cores,
    instructionRatio: ONE,
    cyclesPerInstruction: A53_CPI,
    rxCycles: router.rxCycles ?? A53_RX,
    txCycles: router.txCycles ?? A53_TX,
    cyclesPerOctet: A53_OCTET,
    interruptCycles: INTERRUPT,
    packetsPerPoll: PER_POLL,
    hardware: router.hardware,
    notes: [...NOTES, ...(router.notes ?? [])],
  };
}

export const MT7986: PartialProfile = cortexA53({
  name: 'bpi-r3',
  title: 'Banana Pi BPI-R3 (MediaTek MT7986A Filogic 830, 4 x Cortex-A53)',
  clock: estimate(2000, 'MHz', 'MediaTek Filogic 830, from memory, not read again', [1800, 2000]),
  cores: datasheet(4, 'cores', 'fw-web.de/dokuwiki: BPI-R3, quad core Cortex-A53'),
  hardware: MEDIATEK_PPE,
});

export const MT7622: PartialProfile = cortexA53({
  name: 'mt7622',
  title: 'MediaTek MT7622 router (2 x Cortex-A53)',
  clock: estimate(1350, 'MHz', '[a07] not stated in the mail; 1.35 GHz from memory', [1250, 1350]),
  cores: datasheet(2, 'cores', '[a07] netdev 2024-04, TCP fraglist GRO cover letter'),
  hardware: MEDIATEK_PPE,
  notes: [
    '[x19] gives 32,091 cycles per data packet for flowtable + PPPoE + cake: cake and segmentation are not modelled.',
  ],
});

export const MT7981: PartialProfile = cortexA53({
  name: 'mt7981',
  title: 'OpenWrt One (MediaTek MT7981B, 2 x Cortex-A53)',
  clock: datasheet(1300, 'MHz', '[d12] blog.lemaker.org'),
  cores: datasheet(2, 'cores', '[d12] blog.lemaker.org'),
  hardware: MEDIATEK_PPE,
  notes: ['[b85] 2.35 Gbit/s through it, how is not said.'],
});

export const IPQ807X: PartialProfile = cortexA53({
  name: 'ipq807x',
  title: 'Qualcomm IPQ807x router (4 x Cortex-A53)',
  clock: datasheet(2200, 'MHz', '[d11] openwrt/openwrt#11731: IPQ8072A/4A/6A/8A (8070A/71A: 1.4 GHz)'),
  cores: datasheet(4, 'cores', '[d11] openwrt/openwrt#11731'),
  hardware: {
    present: true,
    what: 'PPE by the qca_ppe driver [d13]: IPv4 routes, SNAT, DNAT, IPv6 routes, PPPoE over 802.1Q, bridged',
    throughput: published(
      938,
      'Mbit/s',
      '[b16] at 0.1% CPU [b17], limited by the GbE line: openwrt/openwrt#24806',
      [938, 938],
    ),
  },
  notes: ['[b18]-[b21] with GRO: software offload forwarded 1.16 times what the slow path did at the same CPU share.'],
});

export const RK3328: PartialProfile = cortexA53({
  name: 'rk3328',
  title: 'NanoPi R2S class (Rockchip RK3328, 4 x Cortex-A53)',
  clock: estimate(1300, 'MHz', 'usual clock of RK3328 boards, from memory, not read again', [1200, 1500]),
  cores: estimate(4, 'cores', 'RK3328, from memory, not read again', [4, 4]),
  hardware: { present: false, what: 'none known' },
  rxCycles: estimate(
    3500,
    'cycles/packet',
    "dwmac on one side, a USB adapter (r8152) on the other: between the Espressobin's and twice as much",
    [2000, 7000],
  ),
  txCycles: estimate(3500, 'cycles/packet', 'as receiving', [2000, 7000]),
});

const BRIVIO = 'netfilter-devel 2020-03-07, S. Brivio, pipapo cover letter (RPi 4B at 2.147 GHz)';

export const BCM2711: PartialProfile = {
  name: 'bcm2711',
  title: 'Raspberry Pi 4 / CM4 router (BCM2711, 4 x Cortex-A72)',
  instructionSet: 'arm64',
  clock: published(1500, 'MHz', '[b91] geerlingguy/raspberry-pi-pcie-devices#114: CM4 at 1.5 GHz', [1500, 2147]),
  cores: published(4, 'cores', '[b91] as the clock', [4, 4]),
  instructionRatio: ONE,
  cyclesPerInstruction: published(
    0.9,
    'cycles/instruction',
    `hash lookup +250 cycles for our 400 instructions [c84], rbtree of 1,000 +1,151 for 1,725 [c85], pipapo +1,750 for 1,330 [c87]; ${BRIVIO}`,
    [0.62, 1.35],
  ),
  rxCycles: estimate(
    2500,
    'cycles/packet',
    `[c83] pktgen into a netdev drop alone takes 1,317 cycles without a driver; bcmgenet and allocation on top; ${BRIVIO}`,
    [1300, 6000],
  ),
  txCycles: estimate(2500, 'cycles/packet', 'as receiving', [1300, 6000]),
  cyclesPerOctet: estimate(0.2, 'cycles/octet', 'non-coherent DMA, as the Cortex-A53 boards', [0.05, 0.6]),
  interruptCycles: estimate(3000, 'cycles', 'between the x86 server and the Cortex-A53 boards', [1500, 6000]),
  packetsPerPoll: PER_POLL,
  hardware: { present: false, what: 'none' },
  notes: [
    ...NOTES,
    '[b91] forwarded 76,656 packets/s (19,600 cycles each if one core was full); the generator may have been the limit.',
  ],
};
