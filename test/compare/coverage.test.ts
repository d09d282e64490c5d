// Which rules, chains and elements a capture reaches, and why not the others.
import { describe, expect, it } from 'vitest';
import { type Coverage, coverRuleset } from '../../src/compare/coverage.ts';
import { loadRouter } from '../../src/config/router-file.ts';
import { compile } from '../../src/nft/compile.ts';
import { replayCaptures } from '../../src/replay/replay.ts';

async function cover(text: string, capture = 'dns.pcap', workers = 1): Promise<Coverage> {
  const { ruleset } = compile({ path: 'a.nft', text });
  return coverRuleset({ ruleset, captures: [{ path: `captures/${capture}` }], workers });
}

const forward = (rules: string, more = '', table = '') =>
  `table inet f {\n${table}\n${more}\nchain c { type filter hook forward priority 0;\n${rules}\n} }`;

/** 'line state reason' of each rule. */
function lines({ rules, book }: Coverage): string[] {
  return rules.map(({ rule, state, reason }) => {
    const text = `${book.text(rule)}: ${state}`;
    if (reason === undefined) return text;
    const by = reason.kind === 'shadowed' ? ` by ${reason.by.map((row) => book.text(row.rule)).join(', ')}` : '';
    return `${text}, ${reason.kind}${by}`;
  });
}

describe('coverage', () => {
  it('gives a reason for each rule that no packet matched', async () => {
    const text = forward(
      'udp dport 53 accept\nudp dport 53 drop\nudp sport 53 goto g\ntcp dport 22 accept\nlimit rate over 1000000/second drop\naccept\ndrop\njump h',
      'chain g { meta l4proto udp return\nudp sport 53 accept\n}\nchain h { accept\n}\nchain u { accept\n}',
    );
    expect(lines(await cover(text))).toEqual([
      'meta l4proto udp return: reached',
      'udp sport 53 accept: never, shadowed by meta l4proto udp return',
      'accept: never, chain-not-entered',
      'accept: never, unreachable',
      'udp dport 53 accept: reached',
      'udp dport 53 drop: never, shadowed by udp dport 53 accept',
      'udp sport 53 goto g: reached',
      'tcp dport 22 accept: never, no-traffic',
      'limit rate over 1000000/second burst 5 packets drop: never, shadowed by udp dport 53 accept, udp sport 53 goto g',
      'accept: never, shadowed by udp dport 53 accept, udp sport 53 goto g',
      'drop: never, after-verdict',
      'jump h: never, after-verdict',
    ]);
  });

  it('tells of a limit that always held', async () => {
    const { rules } = await cover(forward('udp dport 53 limit rate over 1000000/second drop'));
    expect(rules[0]?.reason).toMatchObject({ kind: 'held', statement: 'limit' });
  });

  it('tells rules that saw the first packets of connections only', async () => {
    const table = 'flowtable ft { hook ingress priority 0; devices = { lan0, wan0 }; }';
    const { rules } = await cover(
      forward('counter\nmeta l4proto udp flow add @ft\ntcp dport 1 drop', '', table),
      'udp-both-ways.pcap',
    );
    expect(rules.map((row) => row.state)).toEqual(['before-offload', 'before-offload', 'never']);
    expect(rules[0]?.bypassed).toBeGreaterThan(0);
    expect((rules[0]?.matched ?? 0) + (rules[0]?.bypassed ?? 0)).toBe(120);
  });

  it('counts elements of sets and branches of verdict maps', async () => {
    const text = forward(
      'meta l4proto vmap { udp : jump g, tcp : drop }\nudp dport { 53, 5353 } accept',
      'chain g { return\n}',
    );
    const { sets } = await cover(text);
    const found = sets.map(({ set, elements }) => [
      set.mapTo ?? 'set',
      elements.map((row) => [row.text, row.hits > 0]),
    ]);
    expect(found).toEqual([
      [
        'verdict',
        [
          ['udp : jump g', true],
          ['tcp : drop', false],
        ],
      ],
      [
        'set',
        [
          ['53', true],
          ['5353', false],
        ],
      ],
    ]);
  });

  it('of a dormant table or a hook without traffic says so', async () => {
    const text = `table ip d { flags dormant; chain c { type filter hook forward priority 0; accept\n} }
table ip o { chain c { type filter hook input priority 0; tcp dport 22 accept\n} }`;
    const { rules, chains } = await cover(text);
    expect(rules.map((row) => row.reason?.kind)).toEqual(['dormant', 'chain-not-entered']);
    expect(chains.map((row) => row.state)).toEqual(['never', 'never']);
  });

  it('is the same for any number of workers', async () => {
    const text = forward('udp dport { 53, 99 } accept\nmeta l4proto tcp drop\ndrop');
    const [one, two] = [await cover(text, 'ipv6.pcap', 1), await cover(text, 'ipv6.pcap', 2)];
    expect(two.rules).toEqual(one.rules);
    expect(two.sets.map((row) => row.elements)).toEqual(one.sets.map((row) => row.elements));
  });

  it('does not change what the packets meet', async () => {
    const { ruleset } = compile({ path: 'captures/home-router.nft' });
    const options = {
      ruleset,
      captures: [{ path: 'captures/home-router.pcapng.gz' }],
      router: loadRouter('captures/home-router.yaml'),
    };
    const plain = await replayCaptures(options);
    const rules = plain.result.names.rules.map((_, rule) => rule);
    const probed = await replayCaptures({ ...options, coverage: { probe: rules } });
    expect(probed.result.paths).toEqual(plain.result.paths);
    expect(probed.result.drops).toEqual(plain.result.drops);
    expect(probed.result.conntrack).toEqual(plain.result.conntrack);
  });

  it('names as taker only a rule that stands before and ends the way', async () => {
    const { ruleset } = compile({ path: 'captures/home-router.nft' });
    const { rules, book } = await coverRuleset({
      ruleset,
      captures: [{ path: 'captures/home-router.pcapng.gz' }],
      router: loadRouter('captures/home-router.yaml'),
    });
    const matched = new Map(rules.map((row) => [row.rule, row.matched]));
    const shadowed = rules.flatMap(({ reason }) => (reason?.kind === 'shadowed' ? reason.by : []));
    expect(shadowed.length).toBeGreaterThan(3);
    for (const { rule, packets } of shadowed) {
      expect(packets).toBeLessThanOrEqual(matched.get(rule) ?? 0);
      expect(book.text(rule)).toMatch(/accept|drop|reject|return|goto/);
    }
  });
});
