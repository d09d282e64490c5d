# Composite rulesets that the fit never sees: what the weights, made from small differences, say of whole firewalls.
# Measured as more-scenarios.py is; results: scripts/calibrate/heldout-<arch>.json. Only --check reads them.
FW4 = lambda flow, fam_nat=True: '''table inet fw4 {
 %s
 chain input { type filter hook input priority filter; policy drop;
  iif "lo" accept
  ct state vmap { established : accept, related : accept }
 }
 chain forward { type filter hook forward priority filter; policy drop;
  %s
  ct state vmap { established : accept, related : accept }
  iifname "lan0" jump forward_lan
  iifname "wan0" jump forward_wan
  jump handle_reject
 }
 chain forward_lan {
  meta l4proto tcp tcp dport { 25, 135, 445 } counter drop
  jump accept_to_wan
 }
 chain forward_wan {
  tcp dport 22 accept
 }
 chain accept_to_wan {
  meta nfproto ipv4 oifname "wan0" ct state invalid counter drop
  oifname "wan0" counter accept
 }
 chain handle_reject {
  meta l4proto tcp reject with tcp reset
  reject
 }
 chain raw_prerouting { type filter hook prerouting priority raw; policy accept;
 }
 chain mangle_forward { type filter hook forward priority mangle; policy accept;
  iifname "wan0" tcp flags syn tcp option maxseg size set rt mtu
  oifname "wan0" tcp flags syn tcp option maxseg size set rt mtu
 }
 chain srcnat { type nat hook postrouting priority srcnat; policy accept;
  oifname "wan0" jump srcnat_wan
 }
 chain srcnat_wan {
  meta nfproto ipv4 masquerade
 }
}
''' % ('flowtable ft { hook ingress priority 0; devices = { lan0, wan0 }; counter; }' if flow else '', 'meta l4proto { tcp, udp } flow add @ft' if flow else '')
SERVER = '''table inet s {
 set allow { type ipv4_addr; flags interval; elements = { %s }
 }
 set ports { type inet_service; elements = { 80, 443, 8080 }
 }
 chain forward { type filter hook forward priority 0; policy drop;
  ct state vmap { established : accept, related : accept, invalid : drop }
  ip saddr @allow drop
  tcp dport @ports counter accept
  limit rate 1000000/second log prefix "x" drop
 }
}
''' % ', '.join('10.%d.%d.0/24' % (i // 250, i % 250) for i in range(300))
for v, pr in ((4, 6), (4, 17), (6, 6)):
    t = 'v%d.%s' % (v, 'tcp' if pr == 6 else 'udp'); w = flow(v, pr, nat=(v == 4))
    add('fw4.%s.new' % t, FW4(False), meas(v, pr), (), mode='new'); add('fw4.%s.orig' % t, FW4(False), meas(v, pr), w); add('fw4.%s.reply' % t, FW4(False), meas(v, pr, nat=(v == 4), rev=True), w, 'wan0')
    add('fw4-flow.%s.new' % t, FW4(True), meas(v, pr), (), mode='new'); add('fw4-flow.%s.orig' % t, FW4(True), meas(v, pr), w)
add('server.new', SERVER, meas(), (), mode='new'); add('server.orig', SERVER, meas(), flow())
