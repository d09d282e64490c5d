# What a frame of each length costs before it enters the router: `insn` takes off what one of 66 or 86, or of 1514 octets costs, yet
# the sender's copy alone is an instruction for each octet on x86-64. Read by scenarios.ts, which takes off the difference.
# Measured as more-scenarios.py is; results: scripts/calibrate/base-<arch>.json.
for n in sorted({42, 54, 58, 60, 62, 66, 70, 74, 78, 80, 82, 86, 90, 94, 98, 100, 106, 114, 120, 126, 128, 142, 134, 150, 162, 164, 180, 192, 200, 214, 230, 256, 276, 300, 314, 334, 342, 350, 362, 366, 376, 382, 384, 400, 428, 448, 480, 514, 542, 550, 580, 600, 614, 640, 642, 656, 660, 662, 680, 690, 700, 702, 714, 740, 780, 840, 900, 914, 960, 1000, 1002, 1014, 1042, 1062, 1100, 1150, 1214, 1280, 1314, 1350, 1400, 1414, 1450, 1500, 1514}):
    add(f'base.{n}', '', IN(struct.pack('>H', 0x88b5) + bytes(n - 14)), mode='none', expect=0)
