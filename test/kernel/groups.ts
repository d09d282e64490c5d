// The scenes that a kernel judges, by group: a golden file each.
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { HELPER_SCENES } from '../datapath/helper-scenes.ts';
import { SCENES, type Scene } from '../datapath/scenes.ts';
import { CONNTRACK_RULE_SCENES, CONNTRACK_SCENES } from './conntrack-scenes.ts';
import { FAMILY_SCENES } from './family-scenes.ts';
import { FLOWTABLE_SCENES } from './flowtable-scenes.ts';
import { FOUND_SCENES } from './found-scenes.ts';
import { FRAGMENT_SCENES } from './fragment-scenes.ts';
import { HEADER_SCENES } from './header-scenes.ts';
import { ICMP_SCENES } from './icmp-scenes.ts';
import { INTERFACE_SCENES } from './interface-scenes.ts';
import { LIMIT_SCENES } from './limit-scenes.ts';
import { LINK_SCENES } from './link-scenes.ts';
import { META_SCENES } from './meta-scenes.ts';
import { NAT_SCENES } from './nat-scenes.ts';
import { NEIGHBOUR_SCENES } from './neighbour-scenes.ts';
import { OFFLOAD_PATH_SCENES } from './offload-path-scenes.ts';
import { OFFLOAD_SCENES } from './offload-scenes.ts';
import { OPTION_SCENES } from './option-scenes.ts';
import { OUTPUT_SCENES } from './output-scenes.ts';
import { PMTU_SCENES } from './pmtu-scenes.ts';
import { QUEUE_SCENES } from './queue-scenes.ts';
import { keptScenes } from './random/kept.ts';
import { randomScenes } from './random-scenes.ts';
import { REJECT_SCENES } from './reject-scenes.ts';
import { REAL_SCENES } from './real-scenes.ts';
import { ROUTING_SCENES } from './routing-scenes.ts';
import { SELFTEST_SCENES } from './selftest-scenes.ts';
import { SET_SCENES } from './set-scenes.ts';
import { STATEFUL_SCENES } from './stateful-scenes.ts';
import { VERDICT_SCENES } from './verdict-scenes.ts';

const STEP_NS = 20e6;

function steady(scene: Scene): KernelScene {
  return {
    name: scene.name,
    ruleset: scene.ruleset,
    router: JSON.stringify(scene.topology),
    frames: scene.frames.map(([device, octets], i) => ({ device, octets, timeNs: i * STEP_NS })),
  };
}

/** By name of the golden file. */
export const GROUPS: Record<string, KernelScene[]> = {
  ip: SCENES.map(steady),
  helpers: HELPER_SCENES.map(steady),
  routing: ROUTING_SCENES,
  flowtable: FLOWTABLE_SCENES,
  stateful: STATEFUL_SCENES,
  queue: QUEUE_SCENES,
  selftests: SELFTEST_SCENES,
  found: FOUND_SCENES,
  real: REAL_SCENES,
  nat: NAT_SCENES,
  neighbours: NEIGHBOUR_SCENES,
  output: OUTPUT_SCENES,
  rejects: REJECT_SCENES,
  interfaces: INTERFACE_SCENES,
  families: FAMILY_SCENES,
  offload: [...OFFLOAD_SCENES, ...OFFLOAD_PATH_SCENES],
  limits: LIMIT_SCENES,
  links: LINK_SCENES,
  conntrack: CONNTRACK_SCENES,
  'conntrack-rules': CONNTRACK_RULE_SCENES,
  fragments: FRAGMENT_SCENES,
  sets: SET_SCENES,
  meta: META_SCENES,
  headers: [...HEADER_SCENES, ...OPTION_SCENES],
  verdicts: VERDICT_SCENES,
  icmp: ICMP_SCENES,
  pmtu: PMTU_SCENES,
  random: randomScenes(1, 240),
  random2: keptScenes('random2'),
  // Scenes in which the random differential found something.
  differential: keptScenes('differential'),
};
