# Rulesets that other people wrote (../shared/corpora: OpenWrt's fw4 and files of public repositories), with one flow through each:
# what no fit sees. Each is listed as forwarded (.f) and as dropped (.d); the one that is not so is thrown away by its check.
# Measured as more-scenarios.py is; results: scripts/calibrate/wild-<arch>.json.
import glob, re, subprocess
corpora = os.path.join(os.path.dirname(O.HERE), 'corpora')
DEVICES = ('lan0', 'wan0')
def ours(text):
    """the two devices of the judge for the first two that the file names"""
    text = re.sub(r'"?br-lan"?', 'lan0', text); text = re.sub(r'"(lan|lan1|eth0|enp1s0|br0)"', '"lan0"', text); text = re.sub(r'"(wan|eth1|pppoe-wan|ppp0|enp2s0)"', '"wan0"', text)
    return text
def accepted(text):
    return 'hook forward' in text and not re.search(r'include|table bridge|synproxy|tproxy|queue|ct helper|socket|hook ingress|hook egress|devices|secmark|osf|log group|\biif \S*(?:wg|docker|tun)', text) and \
        subprocess.run(['unshare', '-n', 'sh', '-c', 'ip link add lan0 type dummy; ip link add wan0 type dummy; nft -c -f -'], input=text.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
taken = 0
for path in sorted(glob.glob(corpora + '/fw4/*.nft')) + sorted(glob.glob(corpora + '/wild/*.nft')):
    text = open(path, errors='replace').read()
    if len(text) > 40000: continue
    text = ours(text)
    if not accepted(text): continue
    name = re.sub(r'[^A-Za-z0-9]+', '-', os.path.basename(path)[:-4])[-40:].strip('-')
    for suffix, expect in (('f', 1), ('d', 0)):
        add(f'{name}.new.{suffix}', text, meas(), (), mode='new', expect=expect)
        add(f'{name}.udp.orig.{suffix}', text, meas(4, 17), flow(4, 17)[:2], expect=expect)
    taken += 1
    if taken == 45: break
