// The length of lines that the kernel's log gets, held against lines that a 6.12 kernel wrote (the kernel judge's `klog`), and
// the parts that they are put together of (nf_log_syslog.c).
import { describe, expect, test } from 'vitest';
import { WORK } from '../../../src/event/vocabulary.ts';
import { Evaluation, HOOK_FORWARD, HOOK_OUTPUT, PF_IPV4, PF_IPV6 } from '../../../src/netfilter/evaluate/evaluation.ts';
import { LogLines } from '../../../src/netfilter/evaluate/log-line.ts';
import { ether, type IpFields, icmp, icmpv6, ip, type Layer4, tcp, udp } from '../../../src/packet/build.ts';
import { decodeNetwork } from '../../../src/packet/decode.ts';
import { HEADROOM, Packet } from '../../../src/packet/packet.ts';

const V4: IpFields = { src: '192.168.1.10', dst: '198.51.100.7', ttl: 63, id: 1, dontFragment: true };
const V6: IpFields = { src: 'fd00:1::10', dst: '2001:db8:99::7', ttl: 63 };
const PAYLOAD = new Uint8Array(12);
const MAC = 'MAC=02:00:00:00:00:01:02:ee:00:00:00:01:08:00 ';
const MAC6 = 'MAC=02:00:00:00:00:01:02:ee:00:00:00:01:86:dd ';

function counted(
  fields: IpFields,
  layer4: Layer4,
  log: { prefix?: string; flags?: number; level?: number } = {},
  hook = HOOK_FORWARD,
): Record<string, number> {
  const frame = ether({}, ip(fields, layer4));
  const packet = new Packet();
  const data = new Uint8Array(HEADROOM + frame.length);
  data.set(frame, HEADROOM);
  packet.attach(data, HEADROOM, HEADROOM + frame.length, frame.length);
  packet.etherType = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
  packet.network = HEADROOM + 14;
  packet.iif = 1;
  packet.oif = 2;
  decodeNetwork(packet);
  const run = new Evaluation();
  run.beginInet(packet, hook, packet.ipVersion === 6 ? PF_IPV6 : PF_IPV4);
  const amounts = new Float64Array(WORK.log.length);
  new LogLines(amounts, ['', 'lan0', 'wan0'], { flags: 0, ...log }).count(run);
  return Object.fromEntries(WORK.log.map((row, i) => [row, amounts[i] as number]));
}

/** Octets before the line: the mark of a level, and the level. */
const LEVEL = 2;

describe('a line is as long as the kernel writes it', () => {
  test.each([
    [
      'TCP',
      counted(V4, tcp({ sport: 40000, dport: 443, flags: 'A' }, PAYLOAD), { prefix: 'pppppppp' }),
      `ppppppppIN=lan0 OUT=wan0 ${MAC}SRC=192.168.1.10 DST=198.51.100.7 LEN=52 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=40000 DPT=443 WINDOW=65535 RES=0x00 ACK URGP=0 `,
    ],
    [
      'UDP',
      counted(V4, udp({ sport: 40000, dport: 443 }, PAYLOAD), { prefix: 'udp: ' }),
      `udp: IN=lan0 OUT=wan0 ${MAC}SRC=192.168.1.10 DST=198.51.100.7 LEN=40 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=UDP SPT=40000 DPT=443 LEN=20 `,
    ],
    [
      'TCP over IPv6',
      counted(V6, tcp({ sport: 40000, dport: 443, flags: 'A' }, PAYLOAD), { prefix: 'six: ' }),
      `six: IN=lan0 OUT=wan0 ${MAC6}SRC=fd00:0001:0000:0000:0000:0000:0000:0010 DST=2001:0db8:0099:0000:0000:0000:0000:0007 LEN=72 TC=0 HOPLIMIT=63 FLOWLBL=0 PROTO=TCP SPT=40000 DPT=443 WINDOW=65535 RES=0x00 ACK URGP=0 `,
    ],
    [
      'TCP with its sequence and options',
      counted(
        V4,
        tcp({ sport: 40000, dport: 443, seq: 1000, flags: 'S', options: Uint8Array.of(2, 4, 5, 180, 1, 3, 3, 14) }),
        { flags: 3 },
      ),
      `IN=lan0 OUT=wan0 ${MAC}SRC=192.168.1.10 DST=198.51.100.7 LEN=48 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=40000 DPT=443 SEQ=1000 ACK=0 WINDOW=65535 RES=0x00 SYN URGP=0 OPT (020405B40103030E) `,
    ],
    [
      'TCP with all flags: link addresses are decoded',
      counted(V4, tcp({ sport: 40000, dport: 443, seq: 1003, ack: 5003 }, PAYLOAD), { prefix: 'all ', flags: 0x2f }),
      'all IN=lan0 OUT=wan0 MACSRC=02:ee:00:00:00:01 MACDST=02:00:00:00:00:01 MACPROTO=0800 SRC=192.168.1.10 DST=198.51.100.7 LEN=52 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=40000 DPT=443 SEQ=1003 ACK=5003 WINDOW=65535 RES=0x00 ACK URGP=0 ',
    ],
    [
      'an echo request',
      counted(V4, icmp(8, 0, 0x70001, new Uint8Array(24)), { prefix: 'icmp ' }),
      `icmp IN=lan0 OUT=wan0 ${MAC}SRC=192.168.1.10 DST=198.51.100.7 LEN=52 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=ICMP TYPE=8 CODE=0 ID=7 SEQ=1 `,
    ],
    [
      'an echo request over IPv6',
      counted(V6, icmpv6(128, 0, 0x70001, new Uint8Array(24))),
      `IN=lan0 OUT=wan0 ${MAC6}SRC=fd00:0001:0000:0000:0000:0000:0000:0010 DST=2001:0db8:0099:0000:0000:0000:0000:0007 LEN=72 TC=0 HOPLIMIT=63 FLOWLBL=0 PROTO=ICMPv6 TYPE=128 CODE=0 ID=7 SEQ=1 `,
    ],
  ])('%s', (_, { octet }, line) => {
    expect(octet).toBe(line.length + LEVEL);
  });
});

test('without a way in there is no link address', () => {
  const { octet } = counted(V4, udp({ sport: 1, dport: 2 }), {}, HOOK_OUTPUT);
  expect((counted(V4, udp({ sport: 1, dport: 2 })).octet as number) - (octet as number)).toBe(
    MAC.length + 'lan0'.length,
  );
});

test('a link address as octets is sixteen parts, decoded it is two', () => {
  const plain = counted(V4, udp({ sport: 1, dport: 2 }));
  expect((plain.piece as number) - (counted(V4, udp({ sport: 1, dport: 2 }), { flags: 32 }).piece as number)).toBe(
    16 - 2,
  );
});

test.each([
  ['alert', 1, true],
  ['crit', 2, true],
  ['err', 3, false],
  ['warn, which is usual', undefined, false],
] as const)('level %s goes to the console or not', (_, level, isPrinted) => {
  const { octet, 'console-octet': printed } = counted(
    V4,
    udp({ sport: 1, dport: 2 }),
    level === undefined ? {} : { level },
  );
  expect(printed).toBe(isPrinted ? octet : 0);
});
