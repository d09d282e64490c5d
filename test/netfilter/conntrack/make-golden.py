#!/usr/bin/python3
"""Makes random conntrack and NAT cases, has a real kernel judge them (/work/shared/kernel-oracle), writes them as ndjson.

    ./make-golden.py OUT.ndjson [FIRST_SEED [CASES_OF_EACH_KIND]]      (needs python3-scapy)

kernel-golden.ndjson.gz holds `0 1` of Debian's kernel 6.12.117, gzipped. To try other seeds:
    CONNTRACK_GOLDEN=/tmp/OUT.ndjson npx vitest run --config test/vitest.config.ts test/netfilter/conntrack/kernel.test.ts
"""
import sys, json, random, os, subprocess
sys.path.insert(0,'/work/shared/kernel-oracle')
import logging; logging.getLogger('scapy').setLevel(logging.ERROR)
from scapy.all import Ether, IP, IPv6, TCP, UDP, ICMP, ICMPv6EchoRequest, ICMPv6EchoReply, ICMPv6DestUnreach, ICMPv6TimeExceeded, ICMPv6PacketTooBig, ICMPv6ND_NS, Raw, raw, GRE
import oraclelib as O
HM, WM = '02:ee:00:00:00:01', '02:ee:00:00:00:fe'
T0 = 1700000000 * 10**9
C4, S4, W4 = '192.168.1.10', '198.51.100.7', '203.0.113.1'
C6, S6, W6 = 'fd00:1::10', '2001:db8:99::7', '2001:db8:2::1'
class Cap:
    def __init__(s, seed): s.l, s.w, s.t, s.r = [], [], T0, random.Random(seed)
    def gap(s, ms): s.t += int(ms*1e6)
    def lan(s, p, ms=20): s.l.append((s.t, raw(Ether(src=HM, dst='02:00:00:00:00:01')/p))); s.gap(ms)
    def wan(s, p, ms=20): s.w.append((s.t, raw(Ether(src=WM, dst='02:00:00:00:00:02')/p))); s.gap(ms)
def gapms(r):
    x=r.random()
    if x<.8: return r.choice([1,5,20,100])
    if x<.9: return r.choice([1000,2500,9000])
    return r.choice([11000,31000,61000,119000,121000,130000,310000])
def rnd_tcp(c, n, wdst=C4, ipl=IP, cip=C4, sip=S4, cp=40000):
    r=c.r
    st={'c':r.getrandbits(32),'s':r.getrandbits(32)}
    win=[r.choice([64000,1000,0x200]), r.choice([65000,2000])]
    opt=r.choice([[('MSS',1460),('WScale',7),('SAckOK',b'')],[('MSS',1460)],[('WScale',2)],[]])
    opt2=r.choice([opt,[('MSS',1460)]])
    def seg(side, flags, dseq=0, dack=0, pay=0, options=None, w=None, adv=True):
        m=0xffffffff
        other='s' if side=='c' else 'c'
        seq=(st[side]+dseq)&m; ack=(st[other]+dack)&m if 'A' in flags else 0
        kw=dict(flags=flags, seq=seq, ack=ack, window=w if w is not None else win[0 if side=='c' else 1], options=options or [])
        if side=='c': c.lan(ipl(src=cip,dst=sip)/TCP(sport=cp,dport=443,**kw)/Raw(b'x'*pay), gapms(r))
        else: c.wan(ipl(src=sip,dst=wdst)/TCP(sport=443,dport=cp,**kw)/Raw(b'y'*pay), gapms(r))
        if adv and dseq==0: st[side]=(st[side]+pay+('S' in flags)+('F' in flags))&m
    def handshake():
        seg('c','S',options=opt); seg('s','SA',options=opt2); seg('c','A')
    start=r.random()
    if start<.6: handshake()
    elif start<.7: seg('c','S',options=opt)
    elif start<.8: seg('c','A',pay=10)
    elif start<.9: seg('s','A',pay=10)
    for i in range(n):
        a=r.random(); side=r.choice('cs'); o='s' if side=='c' else 'c'
        if a<.35: seg(side,'PA',pay=r.choice([0,1,100,600]))
        elif a<.42: seg(side,'A',dseq=-r.choice([1,100,5000,70000]),pay=r.choice([0,50]))      # retransmission / keepalive / old
        elif a<.46: seg(side,'A',dseq=r.choice([1,500,3000,200000,10000000]),pay=20)             # ahead
        elif a<.50: seg(side,'A',dack=r.choice([1,100,70000]))                                   # acks unseen
        elif a<.53: seg(side,'A',dack=-r.choice([1,1000,67000,200000]))
        elif a<.58:
            for k in range(r.choice([2,4,5])): seg(side,'A')
        elif a<.61: seg(side,'A',w=0)
        elif a<.67: seg(side,'FA')
        elif a<.72: seg(side,r.choice(['R','RA']),dseq=r.choice([0,0,0,1,100,-1,-500,1000000]),adv=False)
        elif a<.74: seg(side,'R',dseq=-st[side],adv=False)
        elif a<.78: seg('c','S',options=opt,adv=r.random()<.5)
        elif a<.82:
            st['c']=r.getrandbits(32); handshake() if r.random()<.7 else seg('c','S',options=opt)
        elif a<.85: seg('s','SA',options=opt2,adv=False)
        elif a<.87: seg('s','S',options=opt2)
        elif a<.88: seg('c','SA',options=opt)
        elif a<.89: seg(side,r.choice(['','P','SF','SR','FPU','F','AU']),adv=False)
        elif a<.93:
            b=(st[o]+r.choice([100,1000,66000]))&0xffffffff
            seg(side,'A',dack=0,options=[('NOP',None),('NOP',None),('SAck',((b-50)&0xffffffff,b))])
        elif a<.96: seg(side,'FA'); seg(o,'A'); seg(o,'FA'); seg(side,'A')
        else: seg(side,'A',options=[('NOP',None),('NOP',None),('Timestamp',(1,2))])
def rnd_udp(c,n,wdst=C4,ipl=IP,cip=C4,sip=S4):
    r=c.r
    for i in range(n):
        p=r.choice([5000,5000,5001]); 
        if r.random()<.5: c.lan(ipl(src=cip,dst=sip)/UDP(sport=p,dport=53)/Raw(b'q'*r.choice([0,3,40])),gapms(r))
        else: c.wan(ipl(src=sip,dst=wdst)/UDP(sport=53,dport=p)/Raw(b'a'*r.choice([0,3,40])),gapms(r))
        if r.random()<.1: c.lan(ipl(src=cip,dst=sip)/UDP(sport=p,dport=53,chksum=0x1234)/Raw(b'bad'),gapms(r))
        if ipl is IP and r.random()<.1: c.lan(IP(src=cip,dst=sip)/UDP(sport=p,dport=53,chksum=0)/Raw(b'none'),gapms(r))
        if r.random()<.05: c.lan(ipl(src=cip,dst=sip)/UDP(sport=p,dport=53,len=200)/Raw(b'x'),gapms(r))
def rnd_icmp4(c,n,wdst=C4):
    r=c.r
    for i in range(n):
        a=r.random(); k=r.choice([7,8])
        if a<.35: c.lan(IP(src=C4,dst=S4)/ICMP(type=8,id=k,seq=i)/b'ping',gapms(r))
        elif a<.6: c.wan(IP(src=S4,dst=wdst)/ICMP(type=0,id=k,seq=i)/b'pong',gapms(r))
        elif a<.65: c.lan(IP(src=C4,dst=S4)/ICMP(type=r.choice([13,15,17]),id=k,seq=i),gapms(r))
        elif a<.7: c.lan(IP(src=C4,dst=S4)/ICMP(type=r.choice([0,9,10,14,40]),id=k),gapms(r))
        elif a<.85:
            q=IP(src=wdst,dst=S4)/ICMP(type=8,id=k,seq=i)/b'ping'
            c.wan(IP(src='203.0.113.254',dst=wdst)/ICMP(type=r.choice([3,11,12,4]),code=r.choice([0,1,4]))/q,gapms(r))
        elif a<.9: c.wan(IP(src='203.0.113.254',dst=r.choice([wdst,'192.168.1.99']))/ICMP(type=5,code=1,gw='203.0.113.9')/(IP(src=wdst,dst=S4)/ICMP(type=8,id=k)/b'ping'),gapms(r))
        else: c.lan(IP(src=C4,dst=S4)/ICMP(type=8,id=k,chksum=1)/b'bad',gapms(r))
def rnd_err(c,n,wdst=C4):
    r=c.r
    for i in range(n):
        sp=r.choice([5000,5001,40000])
        t=r.choice(['udp','udp0','tcp','tcps'])
        if t=='udp': L=UDP(sport=sp,dport=9000)/Raw(b'data'*r.choice([0,1,30]))
        elif t=='udp0': L=UDP(sport=sp,dport=9000,chksum=0)/Raw(b'data')
        else: L=TCP(sport=sp,dport=80,flags='S',seq=i*1000+1)
        c.lan(IP(src=C4,dst=S4,ttl=20)/L)
        if r.random()<.3 and t[0]=='u': c.wan(IP(src=S4,dst=wdst)/UDP(sport=9000,dport=sp)/b'ok')
        q=raw(IP(src=wdst,dst=S4,ttl=3)/L)
        if t=='tcps' or r.random()<.4: q=q[:28]
        code=r.choice([0,1,3,4])
        src=r.choice(['203.0.113.254',S4])
        if r.random()<.8: c.wan(IP(src=src,dst=wdst)/ICMP(type=r.choice([3,11]),code=code)/Raw(q),gapms(r))
        else:
            # error about a reply, from the client's side
            q=raw(IP(src=S4,dst=C4)/UDP(sport=9000,dport=sp)/b'ok')
            c.lan(IP(src=r.choice([C4,'192.168.1.7']),dst=S4)/ICMP(type=3,code=3)/Raw(q),gapms(r))
def rnd_err6(c,n,wdst=C6):
    r=c.r
    for i in range(n):
        sp=r.choice([5000,5001,40000])
        t=r.choice(['udp','tcp','echo'])
        if t=='udp': L=UDP(sport=sp,dport=9000)/Raw(b'data'*r.choice([1,30]))
        elif t=='tcp': L=TCP(sport=sp,dport=80,flags='S',seq=i*1000+1)
        else: L=ICMPv6EchoRequest(id=sp&0xff,seq=i,data=b'hello')
        c.lan(IPv6(src=C6,dst=S6)/L)
        if t=='echo' and r.random()<.6: c.wan(IPv6(src=S6,dst=wdst)/ICMPv6EchoReply(id=sp&0xff,seq=i,data=b'hello'))
        q=raw(IPv6(src=wdst,dst=S6)/L)
        e=r.choice([ICMPv6DestUnreach(code=r.choice([0,3,4])),ICMPv6TimeExceeded(),ICMPv6PacketTooBig(mtu=1280)])
        c.wan(IPv6(src='2001:db8:2::fe',dst=wdst)/e/Raw(q),gapms(r))
def rnd_misc(c,n,wdst=C4):
    r=c.r
    from scapy.all import SCTP, SCTPChunkInit, SCTPChunkInitAck, SCTPChunkCookieEcho, SCTPChunkCookieAck, SCTPChunkData, SCTPChunkShutdown, SCTPChunkShutdownAck, SCTPChunkShutdownComplete, SCTPChunkHeartbeatReq, SCTPChunkHeartbeatAck, SCTPChunkAbort
    ta,tb=r.getrandbits(32)|1,r.getrandbits(32)|1
    L=lambda tag,ch: c.lan(IP(src=C4,dst=S4)/SCTP(sport=7000,dport=7001,tag=tag)/ch,gapms(r))
    W=lambda tag,ch: c.wan(IP(src=S4,dst=wdst)/SCTP(sport=7001,dport=7000,tag=tag)/ch,gapms(r))
    for i in range(n):
        a=r.random()
        if a<.3:
            L(0,SCTPChunkInit(init_tag=ta)); W(ta,SCTPChunkInitAck(init_tag=tb)); L(tb,SCTPChunkCookieEcho(cookie=b'abcd')); W(ta,SCTPChunkCookieAck())
        elif a<.45: L(tb,SCTPChunkData(data=b'abcd'))
        elif a<.6: W(ta,SCTPChunkData(data=b'abcd'))
        elif a<.65: L(tb,SCTPChunkShutdown()); W(ta,SCTPChunkShutdownAck()); L(tb,SCTPChunkShutdownComplete())
        elif a<.7: L(r.choice([tb,5]),SCTPChunkHeartbeatReq())
        elif a<.75: W(r.choice([ta,5]),SCTPChunkHeartbeatAck())
        elif a<.8: L(r.choice([tb,9]),SCTPChunkAbort())
        elif a<.9: c.lan(IP(src=C4,dst=S4,proto=47)/Raw(bytes.fromhex(r.choice(['00000800aabb','3001880b00040007aabbccdd','3001880c00040007aabbccdd']))),gapms(r))
        elif a<.95: c.lan(IP(src=C4,dst=S4,proto=r.choice([50,99]))/Raw(b'12345678'),gapms(r))
        else: c.wan(IP(src=S4,dst=wdst,proto=r.choice([50,99,47]))/Raw(b'\0\0\x08\x001234'),gapms(r))
FWD='table inet f { chain forward { type filter hook forward priority 0; policy accept; ct state established counter\n }\n chain input { type filter hook input priority 0; policy drop;\n }\n}\n'
MASQ='table inet n { chain post { type nat hook postrouting priority srcnat; oifname "wan0" masquerade\n }\n}\n'
DNAT='table ip d { chain pre { type nat hook prerouting priority dstnat; iifname "wan0" tcp dport 8080 dnat to 192.168.1.20:80\n iifname "wan0" udp dport 8080-8089 dnat to 192.168.1.20-192.168.1.29\n }\n}\n'
RANGE='table ip n { chain post { type nat hook postrouting priority srcnat; oifname "wan0" snat to 203.0.113.16-203.0.113.47\n }\n}\n'
PERS='table ip n { chain post { type nat hook postrouting priority srcnat; oifname "wan0" snat to 203.0.113.16-203.0.113.47 persistent\n }\n}\n'
RANGE6='table ip6 n { chain post { type nat hook postrouting priority srcnat; oifname "wan0" snat to 2001:db8:2::1000-2001:db8:2::2fff\n }\n}\n'
NETMAP='table ip n { chain post { type nat hook postrouting priority srcnat; oifname "wan0" snat ip prefix to ip saddr map { 192.168.1.0/24 : 203.0.113.0/24 }\n }\n}\n'
topo=json.load(open('/work/shared/kernel-oracle/cases/topo.json'))
os.makedirs('/tmp/conntrack-golden',exist_ok=True)
cases=[]
def case(id, nat, rules, c, sysctl=None):
    t=json.loads(json.dumps(topo)); t['sysctl'].update(sysctl or {})
    for n,l in (('lan0',c.l),('wan0',c.w)): O.write_pcap(f'/tmp/conntrack-golden/{id}.{n}.pcap', l)
    cases.append({'id':id,'ruleset_text':rules,'topology':t,'pcaps':[['lan0',f'{id}.lan0.pcap'],['wan0',f'{id}.wan0.pcap']],'trace':False,'events':True,'ct_each':True,'keep_dst_mac':False,'_nat':nat,'_sysctl':sysctl or {}})
import struct
def csum(b):
    if len(b)%2: b+=b'\0'
    s=sum(struct.unpack('!%dH'%(len(b)//2),b))
    while s>>16: s=(s&0xffff)+(s>>16)
    return ~s&0xffff
def ip4b(x): return bytes(map(int,x.split('.')))
def dccp(src,dst,sp,dp,typ,ack=False,seq=1,ackn=0,extra=b''):
    body=b''
    if typ==0: body=struct.pack('!I',42)+extra
    elif typ==1: body=struct.pack('!HHII',0,ackn>>32,ackn&0xffffffff,0)[0:8]+struct.pack('!I',42)
    elif typ in (3,4,5,6,8,9): body=struct.pack('!HHI',0,ackn>>32,ackn&0xffffffff)
    elif typ==7: body=struct.pack('!HHI',0,ackn>>32,ackn&0xffffffff)+b'\x01\0\0\0'
    hl=16+len(body)
    pad=(-hl)%4
    h=struct.pack('!HHBBHBBHI',sp,dp,hl//4,0,0,(typ<<1)|1,0,seq>>32,seq&0xffffffff)+body
    pay=b'data' if typ in(2,4) else b''
    pkt=h+pay
    ps=ip4b(src)+ip4b(dst)+struct.pack('!BBH',0,33,len(pkt))
    c=csum(ps+pkt)
    return IP(src=src,dst=dst,proto=33)/Raw(pkt[:6]+struct.pack('!H',c)+pkt[8:])
def udplite(src,dst,sp,dp,pay,cov=0,proto=136):
    h=struct.pack('!HHHH',sp,dp,cov,0)
    pkt=h+pay
    n=cov or len(pkt)
    c=csum(ip4b(src)+ip4b(dst)+struct.pack('!BBH',0,proto,len(pkt))+pkt[:n]) or 0xffff
    return IP(src=src,dst=dst,proto=136)/Raw(pkt[:6]+struct.pack('!H',c)+pkt[8:])
def rnd_dccp(c,n,wdst=C4):
    r=c.r; seq=100
    for i in range(n):
        a=r.random(); seq+=1
        L=lambda t,ackn=0: c.lan(dccp(C4,S4,6000,6001,t,seq=seq,ackn=ackn),gapms(r))
        W=lambda t,ackn=0: c.wan(dccp(S4,wdst,6001,6000,t,seq=seq,ackn=ackn),gapms(r))
        if a<.25: L(0); W(1,seq); L(3,seq); W(3,seq)
        elif a<.35: L(0)
        elif a<.6: r.choice([L,W])(r.choice([2,3,4]))
        elif a<.8: r.choice([L,W])(r.choice([5,6,7]))
        elif a<.9: r.choice([L,W])(r.choice([8,9,0,1]))
        else: W(5); L(6); W(7)
def rnd_lite(c,n,wdst=C4):
    r=c.r
    for i in range(n):
        pr=r.choice([136,136,17]); cov=r.choice([0,8,12,100])
        if r.random()<.6: c.lan(udplite(C4,S4,6000,6001,b'hello world',cov,pr),gapms(r))
        else: c.wan(udplite(S4,wdst,6001,6000,b'answer',cov,pr),gapms(r))
def rnd_clash(c,n,ipl=None):
    r=c.r
    for i in range(n):
        sp=r.choice([100,600,5000,5001]); h=r.randrange(10,14); dp=r.choice([53,54])
        t=r.random()
        if t<.5: c.lan(IP(src=f'192.168.1.{h}',dst=S4)/UDP(sport=sp,dport=dp)/b'q',gapms(r))
        elif t<.8: c.lan(IP(src=f'192.168.1.{h}',dst=S4)/TCP(sport=sp,dport=dp,flags='S',seq=i*1000),gapms(r))
        elif t<.9: c.lan(IP(src=f'192.168.1.{h}',dst=S4)/ICMP(type=8,id=r.choice([7,8]),seq=i),gapms(r))
        else: c.wan(IP(src=S4,dst=W4)/UDP(sport=53,dport=sp)/b'a',gapms(r))
PORTS='table ip n { chain post { type nat hook postrouting priority srcnat; oifname "wan0" meta l4proto { tcp, udp } masquerade to :2000-2003\n oifname "wan0" masquerade\n }\n}\n'
ZONE='table inet z { chain pre { type filter hook prerouting priority -300; iifname "lan0" ct zone set 5\n iifname "wan0" udp dport 5000 ct zone set 5\n }\n}\n'
ZONEO='table inet z { chain pre { type filter hook prerouting priority -300; iifname "lan0" ct original zone set 5\n iifname "wan0" udp sport 53 udp dport 5001 ct original zone set 7\n }\n}\n'
which=sys.argv[1]; base=int(sys.argv[2]) if len(sys.argv)>2 else 0; mult=int(sys.argv[3]) if len(sys.argv)>3 else 1
for i in range(10*mult):
    s=base+i
    c=Cap(s); rnd_tcp(c,25); case(f'tcp-{s}','none',FWD,c)
for i in range(4*mult):
    s=base+i
    c=Cap(1000+s); rnd_tcp(c,25,wdst=W4); case(f'tcp-masq-{s}','masquerade',FWD+MASQ,c)
for i in range(2*mult):
    s=base+i
    c=Cap(2000+s); rnd_tcp(c,20,wdst=C6,ipl=IPv6,cip=C6,sip=S6); case(f'tcp6-{s}','none',FWD,c)
    c=Cap(2500+s); rnd_tcp(c,25); case(f'tcp-liberal-{s}','none',FWD,c,{'net.netfilter.nf_conntrack_tcp_be_liberal':1,'net.netfilter.nf_conntrack_tcp_max_retrans':2,'net.netfilter.nf_conntrack_tcp_ignore_invalid_rst':1})
    c=Cap(2700+s); rnd_tcp(c,25); case(f'tcp-strict-{s}','none',FWD,c,{'net.netfilter.nf_conntrack_tcp_loose':0})
    c=Cap(3000+s); rnd_udp(c,25); case(f'udp-{s}','none',FWD,c)
    c=Cap(3100+s); rnd_udp(c,25,wdst=W4); case(f'udp-masq-{s}','masquerade',FWD+MASQ,c)
    c=Cap(3200+s); rnd_udp(c,15,wdst=W6,ipl=IPv6,cip=C6,sip=S6); case(f'udp6-masq-{s}','masquerade',FWD+MASQ,c)
    c=Cap(4000+s); rnd_icmp4(c,25); case(f'icmp-{s}','none',FWD,c)
    c=Cap(4100+s); rnd_icmp4(c,25,wdst=W4); case(f'icmp-masq-{s}','masquerade',FWD+MASQ,c)
    c=Cap(5000+s); rnd_err(c,12); case(f'error-{s}','none',FWD,c)
    c=Cap(5100+s); rnd_err(c,12,wdst=W4); case(f'error-masq-{s}','masquerade',FWD+MASQ,c)
    c=Cap(5200+s); rnd_err6(c,12); case(f'error6-{s}','none',FWD,c)
    c=Cap(5300+s); rnd_err6(c,12,wdst=W6); case(f'error6-masq-{s}','masquerade',FWD+MASQ,c)
    c=Cap(6000+s); rnd_misc(c,15); case(f'misc-{s}','none',FWD,c)
    c=Cap(6100+s); rnd_misc(c,15,wdst=W4); case(f'misc-masq-{s}','masquerade',FWD+MASQ,c)
    def many(c,ipl=IP,cip='192.168.1.%d',sip='198.51.100.%d'):
        r=c.r
        for k in range(20):
            a,b=cip%r.randrange(2,90) , sip%r.randrange(1,90)
            c.lan(ipl(src=a,dst=b)/UDP(sport=r.randrange(1024,60000),dport=53)/b'q',5)
    c=Cap(7000+s); many(c); case(f'range-{s}','range',FWD+RANGE,c)
    c=Cap(7100+s); many(c); case(f'range-persistent-{s}','persistent',FWD+PERS,c)
    c=Cap(7200+s); many(c,IPv6,'fd00:1::%d','2001:db8:99::%d'); case(f'range6-{s}','range6',FWD+RANGE6,c)
    c=Cap(7300+s)
    for k in range(15):
        sp=c.r.choice([30000,30001,30002])
        if c.r.random()<.4: c.wan(IP(src=S4,dst=W4)/TCP(sport=sp,dport=8080,flags='S',seq=k*100)); c.lan(IP(src='192.168.1.20',dst=S4)/TCP(sport=80,dport=sp,flags='SA',seq=1,ack=k*100+1))
        else:
            c.wan(IP(src=f'198.51.100.{c.r.randrange(1,99)}',dst=W4)/UDP(sport=sp,dport=c.r.randrange(8080,8092))/b'x',50)
    case(f'dnat-{s}','dnat',FWD+DNAT,c)
for i in range(2*mult):
    s=base+i
    c=Cap(8000+s); rnd_dccp(c,15); case(f'dccp-{s}','none',FWD,c)
    c=Cap(8100+s); rnd_dccp(c,15,W4); case(f'dccp-masq-{s}','masquerade',FWD+MASQ,c)
    c=Cap(8200+s); rnd_lite(c,15); case(f'udplite-{s}','none',FWD,c)
    c=Cap(8300+s); rnd_clash(c,25); case(f'clash-{s}','masquerade',FWD+MASQ,c)
    c=Cap(8400+s); rnd_clash(c,25); case(f'ports-{s}','ports',FWD+PORTS,c)
    c=Cap(8500+s); rnd_udp(c,20); case(f'zone-{s}','zone',FWD+ZONE,c)
    c=Cap(8600+s); rnd_udp(c,20); case(f'zone-original-{s}','zone-original',FWD+ZONEO,c)
    c=Cap(8700+s); rnd_udp(c,20); rnd_tcp(c,8); case(f'unchecked-{s}','none',FWD,c,{'net.netfilter.nf_conntrack_checksum':0,'net.netfilter.nf_conntrack_udp_timeout':5,'net.netfilter.nf_conntrack_udp_timeout_stream':7})
json.dump([{k:v for k,v in x.items() if k[0]!='_'} for x in cases],open('/tmp/conntrack-golden/batch.json','w'))
r=subprocess.run(['/work/shared/kernel-oracle/run','--batch','/tmp/conntrack-golden/batch.json','--out','/tmp/conntrack-golden/out.json'],capture_output=True,text=True)
print(r.returncode,r.stdout[-500:],r.stderr[-1500:])
res=json.load(open('/tmp/conntrack-golden/out.json')); byid={x['id']:x for x in res}
def tup(t):
    if 'sport' in t: return [t['src'],t['dst'],t['proto'],t['sport'],t['dport']]
    return [t['src'],t['dst'],t['proto']]+[t.get(k) for k in ('icmp_type','icmp_code','icmp_id') if k in t]
with open(which,'w') as f:
    for x in cases:
        o=byid[x['id']]
        if not o['ok'] or o.get('errors'): print('ERR',x['id'],o.get('errors')); continue
        pk=[]; prev=None
        for p in o['packets']:
            ct=sorted([[tup(e['orig']),tup(e['reply']),e['status'],e.get('timeout'),e.get('tcp_state'),e.get('wscale'),e.get('tcp_flags'),e['orig_counters'],e['reply_counters']] for e in p['conntrack']],key=json.dumps)
            row=[p['guest_ns'],p['in_iface'],p['in_hex'][28:],p['verdict'],[[q['iface'],q['hex'][28:]] for q in p['outputs'] if q.get('kind','forwarded')=='forwarded'],ct]
            pk.append(row)
        f.write(json.dumps({'id':x['id'],'nat':x['_nat'],'sysctl':x['_sysctl'],'packets':pk},separators=(',',':'))+'\n')
print(os.path.getsize(which), sum(1 for _ in open(which)))
