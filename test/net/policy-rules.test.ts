// Policy rules, tables and multipath routes, judged by the kernel that runs the tests: `ip route get` in a network
// namespace of its own, where root and iproute2 allow it.
import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRouter } from '../../src/config/router-file.ts';
import { Fib, type Route } from '../../src/net/fib.ts';
import { FlowKey } from '../../src/net/flow-key.ts';
import { formatWords, Interfaces, words } from '../../src/net/interfaces.ts';
import { formatIpv4, parseAddress } from '../../src/packet/address.ts';

const DEVICES = `
interfaces:
  - { name: lan0, addresses: [192.168.1.1/24, "2001:db8:1::1/64"] }
  - { name: wan0, addresses: [203.0.113.1/24, "2001:db8:2::1/64"] }
  - { name: wan1, addresses: [198.51.100.1/24, "2001:db8:3::1/64"] }
`;

function fibOf(text: string): Fib {
  const spec = parseRouter(`${DEVICES}${text}`, 'router.yaml');
  return new Fib(spec, new Interfaces(spec));
}

interface Query {
  to: string;
  from: string;
  mark: number;
  protocol: number;
  dport: number;
  tos: number;
}

/** As a packet that came in at lan0. */
function ask(fib: Fib, query: Query): Route | undefined {
  const lan = fib.interfaces.byName('lan0')?.index ?? 0;
  const key = new FlowKey().reset(query.mark, lan);
  const source = words(parseAddress(query.from) ?? new Uint8Array(4));
  source.forEach((word, i) => {
    key.saddr[i] = word;
  });
  Object.assign(key, { protocol: query.protocol, sport: 5, dport: query.dport, tos: query.tos });
  const to = words(parseAddress(query.to) ?? new Uint8Array(4));
  return to.length === 1 ? fib.lookup4((to[0] ?? 0) | 0, 0, 0, key) : fib.lookup6(to, 0, 0, 0, key);
}

function shown(route: Route | undefined): string {
  if (route === undefined) return 'none';
  if (route.kind !== 'unicast') return route.kind;
  const via = route.gateway6 ? formatWords(route.gateway6) : route.gateway4 ? formatIpv4(route.gateway4) : '';
  return `${route.oif.name}${via === '' ? '' : ` via ${via}`}`;
}

const ROUTES = `
routes:
  - { dst: default, via: 203.0.113.254 }
  - { dst: default, via: 198.51.100.254, table: 100 }
  - { dst: 10.0.0.0/8, via: 198.51.100.9, table: wan2 }
  - { dst: 10.2.0.0/16, type: throw, table: 100 }
`;
const base: Query = { to: '8.8.8.8', from: '192.168.1.5', mark: 0, protocol: 0, dport: 0, tos: 0 };

describe('policy rules', () => {
  it.each<[string, string, Partial<Query>, string]>([
    ['without a match it is table main', '[{ priority: 5, fwmark: 7, table: 100 }]', {}, 'wan0 via 203.0.113.254'],
    ['a mark', '[{ priority: 5, fwmark: 7, table: 100 }]', { mark: 7 }, 'wan1 via 198.51.100.254'],
    ['a masked mark', '[{ priority: 5, fwmark: 0x10/0xf0, table: 100 }]', { mark: 0x1f }, 'wan1 via 198.51.100.254'],
    ['a source', '[{ priority: 5, from: 192.168.1.0/28, table: 100 }]', {}, 'wan1 via 198.51.100.254'],
    [
      'a negated source',
      '[{ priority: 5, not: true, from: 192.168.1.0/28, table: 100 }]',
      {},
      'wan0 via 203.0.113.254',
    ],
    ['the interface', '[{ priority: 5, iif: lan0, table: 100 }]', {}, 'wan1 via 198.51.100.254'],
    ['another interface', '[{ priority: 5, iif: wan0, table: 100 }]', {}, 'wan0 via 203.0.113.254'],
    ['throw goes on', '[{ priority: 5, table: 100 }]', { to: '10.2.0.1' }, 'wan0 via 203.0.113.254'],
    ['a table by name', '[{ priority: 5, table: wan2 }]', { to: '10.2.0.1' }, 'wan1 via 198.51.100.9'],
    ['a table without a route', '[{ priority: 5, table: wan2 }]', {}, 'wan0 via 203.0.113.254'],
    ['local comes first', '[{ priority: 5, table: 100 }]', { to: '192.168.1.1' }, 'local'],
    ['blackhole', '[{ priority: 5, action: blackhole }]', {}, 'blackhole'],
    ['unreachable is no route', '[{ priority: 5, action: unreachable }]', {}, 'none'],
    [
      'goto',
      '[{ priority: 5, goto: 9 }, { priority: 7, action: prohibit }, { priority: 9, table: 100 }]',
      {},
      'wan1 via 198.51.100.254',
    ],
    [
      'short prefixes suppressed',
      '[{ priority: 5, table: 100, suppress_prefixlength: 0 }]',
      {},
      'wan0 via 203.0.113.254',
    ],
    [
      'protocol and port',
      '[{ priority: 5, ipproto: tcp, dport: 80-90, table: 100 }]',
      { protocol: 6, dport: 85 },
      'wan1 via 198.51.100.254',
    ],
  ])('%s', (_, rules, query, expected) => {
    expect(shown(ask(fibOf(`${ROUTES}rules: ${rules}`), { ...base, ...query }))).toBe(expected);
  });

  it.each([
    ['[{ priority: 5 }]', /rules\[0\].*table/],
    ['[{ priority: 5, fwmark: x, table: 1 }]', /rules\[0\]\.fwmark.*mark/],
    ['[{ priority: 5, from: 10.0.0.0/8, to: "fd00::/8", table: 1 }]', /both families/],
    ['[{ priority: 5, dport: 9-3, table: 1 }]', /rules\[0\]\.dport/],
    ['[{ priority: 5, goto: 3 }]', /can only jump forward/],
    ['[{ priority: 5, ipproto: foo, table: 1 }]', /not an IP protocol/],
  ])('%s is refused with its place', (rules, message) => {
    expect(() => fibOf(`rules: ${rules}`)).toThrow(message);
  });
});

describe('multipath routes', () => {
  const fib = fibOf(
    'routes: [{ dst: default, nexthops: [{ via: 203.0.113.9, weight: 3 }, { via: 198.51.100.9, weight: 1 }] }]',
  );

  it('spread flows by weight, and a flow stays on its way, in both directions', () => {
    let first = 0;
    const flows = 4000;
    for (let i = 0; i < flows; i++) {
      const query = { ...base, to: `11.${i & 255}.${i >> 8}.1`, from: `192.168.1.${2 + (i % 200)}` };
      const way = shown(ask(fib, query));
      expect(shown(ask(fib, { ...query, dport: 99 }))).toBe(way);
      if (way === 'wan0 via 203.0.113.9') first++;
      else expect(way).toBe('wan1 via 198.51.100.9');
    }
    expect(first / flows).toBeGreaterThan(0.7);
    expect(first / flows).toBeLessThan(0.8);
  });

  it('bound to a way out have that next hop', () => {
    const wan1 = fib.interfaces.byName('wan1')?.index ?? 0;
    expect(shown(fib.lookup4(0x08080808, 0, wan1))).toBe('wan1 via 198.51.100.9');
  });
});

// The kernel's own answers.

const SETUP = `
for i in lan0 wan0 wan1; do ip link add $i type veth peer name p$i; ip link set $i up; ip link set p$i up; done
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
for i in lan0 wan0 wan1; do sysctl -qw net.ipv4.conf.$i.rp_filter=0; done
ip addr add 192.168.1.1/24 dev lan0; ip addr add 203.0.113.1/24 dev wan0; ip addr add 198.51.100.1/24 dev wan1
ip route add default via 203.0.113.254
ip route add default via 198.51.100.254 table 100
ip route add 10.0.0.0/8 via 198.51.100.9 table 101
ip route add throw 10.2.0.0/16 table 100
ip route add unreachable 10.3.0.0/16
ip route add prohibit 10.4.0.0/16 table 101
ip route add blackhole 10.5.0.0/16 table 100
`;
const KERNEL_ROUTES = `
routes:
  - { dst: default, via: 203.0.113.254 }
  - { dst: default, via: 198.51.100.254, table: 100 }
  - { dst: 10.0.0.0/8, via: 198.51.100.9, table: 101 }
  - { dst: 10.2.0.0/16, type: throw, table: 100 }
  - { dst: 10.3.0.0/16, type: unreachable }
  - { dst: 10.4.0.0/16, type: prohibit, table: 101 }
  - { dst: 10.5.0.0/16, type: blackhole, table: 100 }
`;

const canJudge = spawnSync('unshare', ['-n', 'sh', '-c', SETUP], { timeout: 20_000 }).status === 0;

interface RuleRow {
  text: string;
  yaml: string;
}

const ruleRow = fc
  .record({
    priority: fc.integer({ min: 1, max: 30 }),
    not: fc.boolean(),
    from: fc.constantFrom('', '192.168.1.0/26', '192.168.1.5', '10.0.0.0/8'),
    to: fc.constantFrom('', '10.0.0.0/8', '10.2.0.0/15', '8.8.8.8'),
    fwmark: fc.constantFrom('', '1', '0x10/0xf0', '0'),
    iif: fc.constantFrom('', '', 'lan0', 'wan0'),
    ipproto: fc.constantFrom('', '', 'tcp', 'udp'),
    dport: fc.constantFrom('', '', '80', '1000-2000'),
    tos: fc.constantFrom('', '', '0x10', '0x04'),
    suppress: fc.constantFrom('', '', '0', '8', '16'),
    action: fc.constantFrom(
      'table 100',
      'table 101',
      'table 254',
      'blackhole',
      'unreachable',
      'prohibit',
      'nop',
      'goto',
    ),
  })
  .map(({ priority, not, suppress, action, ...rest }): RuleRow => {
    const selectors = Object.entries(rest).filter(([, value]) => value !== '');
    const said = selectors.map(([key, value]) => `${key} ${value}`).join(' ');
    const yaml = selectors.map(([key, value]) => `${key}: "${value}"`);
    const [what, table] = action.split(' ');
    const target = priority + 7;
    const act = what === 'goto' ? `goto ${target}` : action;
    const isLookup = what === 'table';
    return {
      text: `ip rule add ${not ? 'not ' : ''}${said} priority ${priority} ${act}${isLookup && suppress !== '' ? ` suppress_prefixlength ${suppress}` : ''}`,
      yaml: `{ ${[
        `priority: ${priority}`,
        ...(not ? ['not: true'] : []),
        ...yaml,
        isLookup ? `table: ${table}` : what === 'goto' ? `goto: ${target}` : `action: ${what}`,
        ...(isLookup && suppress !== '' ? [`suppress_prefixlength: ${suppress}`] : []),
      ].join(', ')} }`,
    };
  });

const query = fc.record({
  to: fc.constantFrom(
    '8.8.8.8',
    '10.1.0.1',
    '10.2.0.1',
    '10.3.0.1',
    '10.4.0.1',
    '10.5.0.1',
    '192.168.1.77',
    '203.0.113.1',
  ),
  from: fc.constantFrom('192.168.1.5', '192.168.1.80', '10.9.9.9'),
  mark: fc.constantFrom(0, 1, 0x1f),
  protocol: fc.constantFrom(6, 17),
  dport: fc.constantFrom(80, 1500, 9),
  tos: fc.constantFrom(0, 0x10, 0x04),
});

/** `ip route get` of a packet that came in at lan0. */
function getLine(row: Query): string {
  const proto = row.protocol === 6 ? 'tcp' : 'udp';
  return `ip route get ${row.to} from ${row.from} iif lan0 mark ${row.mark} tos 0x${row.tos.toString(16)} ipproto ${proto} sport 5 dport ${row.dport} 2>&1 | head -1`;
}

/** The kernel's line as shown() says it. */
function kernelAnswer(line: string): string {
  if (/Network is unreachable/.test(line)) return 'none';
  if (/No route to host/.test(line)) return 'unreachable';
  if (/Permission denied/.test(line)) return 'prohibit';
  if (/Invalid argument/.test(line)) return 'blackhole';
  if (/^local /.test(line)) return 'local';
  const dev = / dev (\S+)/.exec(line)?.[1];
  const via = / via (\S+)/.exec(line)?.[1];
  return dev === undefined ? line : `${dev}${via === undefined ? '' : ` via ${via}`}`;
}

describe('policy rules, held against this kernel', () => {
  it.runIf(canJudge)('random rules and packets find the same way', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(
        fc.array(ruleRow, { minLength: 1, maxLength: 7 }),
        fc.array(query, { minLength: 20, maxLength: 20 }),
        (rules, queries) => {
          const script = [SETUP, ...rules.map((row) => row.text), ...queries.map(getLine)].join('\n');
          const out = execFileSync('unshare', ['-n', 'sh', '-c', script], { encoding: 'utf8', timeout: 20_000 });
          const answers = out.trim().split('\n').map(kernelAnswer);
          const fib = fibOf(`${KERNEL_ROUTES}rules: [${rules.map((row) => row.yaml).join(', ')}]`);
          expect(queries.map((row) => shown(ask(fib, row)))).toEqual(answers);
        },
      ),
      {
        numRuns: Number(process.env.POLICY_RUNS ?? 15),
        seed: Number(process.env.POLICY_SEED ?? 99),
        endOnFailure: true,
      },
    );
  });

  it.skipIf(canJudge)('needs root and iproute2: left out', () => {
    expect(canJudge).toBe(false);
  });
});
