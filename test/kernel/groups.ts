// The scenes that a kernel judges, by group: a golden file each.
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { HELPER_SCENES } from '../datapath/helper-scenes.ts';
import { SCENES, type Scene } from '../datapath/scenes.ts';
import { randomScenes } from './random/first.ts';
import { keptScenes } from './random/kept.ts';
import { REAL_SCENES } from './real/scenes.ts';
import { CONNTRACK_RULE_SCENES, CONNTRACK_SCENES } from './scenes/conntrack.ts';
import { FAMILY_SCENES } from './scenes/family.ts';
import { FLOWTABLE_SCENES } from './scenes/flowtable.ts';
import { FOUND_SCENES } from './scenes/found.ts';
import { FRAGMENT_SCENES } from './scenes/fragment.ts';
import { HEADER_SCENES } from './scenes/header.ts';
import { ICMP_SCENES } from './scenes/icmp.ts';
import { INTERFACE_SCENES } from './scenes/interface.ts';
import { LIMIT_SCENES } from './scenes/limit.ts';
import { LINK_SCENES } from './scenes/link.ts';
import { META_SCENES } from './scenes/meta.ts';
import { NAT_SCENES } from './scenes/nat.ts';
import { NEIGHBOUR_SCENES } from './scenes/neighbour.ts';
import { OFFLOAD_SCENES } from './scenes/offload.ts';
import { OFFLOAD_PATH_SCENES } from './scenes/offload-path.ts';
import { OPTION_SCENES } from './scenes/option.ts';
import { OUTPUT_SCENES } from './scenes/output.ts';
import { PMTU_SCENES } from './scenes/pmtu.ts';
import { QUEUE_SCENES } from './scenes/queue.ts';
import { REJECT_SCENES } from './scenes/reject.ts';
import { ROUTING_SCENES } from './scenes/routing.ts';
import { SET_SCENES } from './scenes/set.ts';
import { STATEFUL_SCENES } from './scenes/stateful.ts';
import { VERDICT_SCENES } from './scenes/verdict.ts';
import { SELFTEST_SCENES } from './selftests/scenes.ts';

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
  icmp: ICMP_SCENES,
  pmtu: PMTU_SCENES,
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
  random: randomScenes(1, 240),
  random2: keptScenes('random2'),
  // Scenes in which the random differential found something.
  differential: keptScenes('differential'),
};
