// The one program of the judge's guest, static. As PID 1 it mounts what is needed, runs /job/run.sh and switches off. Its
// other names do what a shell cannot:
//   guest replay FRAMES SETUP AFTER   makes the router's physical interfaces (TAP devices of this network namespace), runs
//                           the script SETUP, writes FRAMES into them at their times, notes in /replay.out what comes out
//                           and which rules traced it, and runs the script AFTER
//   guest emit NAME         standard input to the host, as a section
//   guest pppoe DEVICE PEER SESSION NAME   a PPPoE session without its discovery: network device NAME over DEVICE to the
//                           Ethernet address PEER; a child keeps it open, its process id goes to standard output
// A frame goes its whole way through the router inside write(), so what comes out next belongs to it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_pppox.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/ppp-ioctl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEBUG_PORT = 0xe9, MAX_DEVICES = 64, MAX_FRAME = 70000, NFNLGRP_TRACE = 9, SETTLE_ROUNDS = 3 };

static void die(const char *what)
{
	fprintf(stderr, "guest: %s: %s\n", what, strerror(errno));
	exit(1);
}

// ---- to the host

// Memory that the host shares (qemu's ivshmem-plain, PCI 1af4:1110): u64 octets written, then the octets. Absent: port
// 0xe9, an octet at a time.
struct shared {
	uint64_t length;
	unsigned char octets[];
};

static size_t shared_room;

static struct shared *shared_memory(void)
{
	char path[512], text[16];
	DIR *folder = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	struct stat info;
	while (folder && (entry = readdir(folder))) {
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%.64s/device", entry->d_name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text);
		if (fd >= 0)
			close(fd);
		if (length < 6 || strncmp(text, "0x1110", 6))
			continue;
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%.64s/enable", entry->d_name);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "1", 1) != 1)
			break;
		close(fd);
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%.64s/resource2", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &info) < 0)
			break;
		void *memory = mmap(NULL, info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		closedir(folder);
		shared_room = info.st_size - sizeof(struct shared);
		return memory == MAP_FAILED ? NULL : memory;
	}
	if (folder)
		closedir(folder);
	return NULL;
}

static void to_host(const void *data, size_t length)
{
	static struct shared *memory;
	static int is_ready;
	if (!is_ready) {
		memory = shared_memory();
		if (!memory && ioperm(DEBUG_PORT, 1, 1) != 0)
			die("ioperm");
		is_ready = 1;
	}
	if (memory) {
		if (length > shared_room - memory->length)
			die("shared memory");
		memcpy(memory->octets + memory->length, data, length);
		memory->length += length;
		return;
	}
	__asm__ volatile("rep outsb" : "+S"(data), "+c"(length) : "d"((uint16_t)DEBUG_PORT) : "memory");
}

static int emit(const char *name)
{
	size_t room = 1 << 16, length = 0;
	char *text = malloc(room), head[256];
	ssize_t got;
	while (text && (got = read(0, text + length, room - length)) > 0) {
		length += got;
		if (length == room)
			text = realloc(text, room *= 2);
	}
	if (!text)
		die("memory");
	to_host(head, snprintf(head, sizeof head, "\n@@ %s %zu\n", name, length));
	to_host(text, length);
	return 0;
}

// ---- devices

static int open_tap(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		die("/dev/net/tun");
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		die(name);
	return fd;
}

static int rename_device(const char *from, const char *to)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	strncpy(request.ifr_name, from, IFNAMSIZ - 1);
	strncpy(request.ifr_newname, to, IFNAMSIZ - 1);
	return fd < 0 ? -1 : ioctl(fd, SIOCSIFNAME, &request);
}

// What pppd does once both ends agree, from the PPPoE session to the network device.
static int pppoe(const char *device, const char *peer, const char *session, const char *name)
{
	struct sockaddr_pppox address = { .sa_family = AF_PPPOX, .sa_protocol = PX_PROTO_OE };
	unsigned char *mac = address.sa_addr.pppoe.remote;
	if (sscanf(peer, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6)
		die(peer);
	address.sa_addr.pppoe.sid = htons(atoi(session));
	strncpy(address.sa_addr.pppoe.dev, device, IFNAMSIZ - 1);
	int fd = socket(AF_PPPOX, SOCK_STREAM, PX_PROTO_OE), number, unit = -1;
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		die("pppoe session");
	int channel = open("/dev/ppp", O_RDWR), top = open("/dev/ppp", O_RDWR);
	if (channel < 0 || top < 0)
		die("/dev/ppp");
	if (ioctl(fd, PPPIOCGCHAN, &number) < 0 || ioctl(channel, PPPIOCATTCHAN, &number) < 0)
		die("ppp channel");
	if (ioctl(top, PPPIOCNEWUNIT, &unit) < 0 || ioctl(channel, PPPIOCCONNECT, &unit) < 0)
		die("ppp unit");
	char made[IFNAMSIZ];
	snprintf(made, sizeof made, "ppp%d", unit);
	if (strcmp(made, name) && rename_device(made, name) < 0)
		die(name);
	pid_t child = fork();
	if (child == 0) {
		close(0), close(1), close(2);
		for (;;)
			pause();
	}
	printf("%d\n", child);
	return child < 0;
}

static int run_script(const char *path)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		execl("/bin/busybox", "sh", "-e", path, NULL);
		die(path);
	}
	while (waitpid(child, &status, 0) != child)
		;
	return status;
}

// ---- replay

struct device {
	char name[IFNAMSIZ];
	int fd;
};

static struct device devices[MAX_DEVICES];
static unsigned device_count;
static int trace_socket;
static unsigned char buffer[MAX_FRAME];

static uint32_t word(const unsigned char *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}

static void print_hex(const unsigned char *octets, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < length; i++) {
		putchar_unlocked(digits[octets[i] >> 4]);
		putchar_unlocked(digits[octets[i] & 15]);
	}
	putchar_unlocked('\n');
}

// Notes everything that came out, until nothing does in SETTLE_ROUNDS looks.
static void collect(void)
{
	int quiet = 0;
	while (quiet < SETTLE_ROUNDS) {
		int some = 0;
		for (unsigned i = 0; i < device_count; i++) {
			ssize_t length;
			while ((length = read(devices[i].fd, buffer, sizeof buffer)) > 0) {
				printf("O %s ", devices[i].name);
				print_hex(buffer, length);
				some = 1;
			}
		}
		ssize_t length;
		while (trace_socket >= 0 && (length = recv(trace_socket, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
			printf("T ");
			print_hex(buffer, length);
			some = 1;
		}
		quiet = some ? 0 : quiet + 1;
		sched_yield();
	}
}

static void open_trace(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int group = NFNLGRP_TRACE, room = 16 << 20;
	trace_socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (trace_socket < 0 || bind(trace_socket, (struct sockaddr *)&address, sizeof address) < 0)
		die("netlink");
	setsockopt(trace_socket, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	if (setsockopt(trace_socket, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
		die("trace group");
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void sleep_until(uint64_t at)
{
	struct timespec when = { .tv_sec = at / 1000000000ull, .tv_nsec = at % 1000000000ull };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
		;
}

// The file, little-endian: u32 devices, 16 octets a name; u32 seconds and u32 nanoseconds of the clock; u32 frames, each
// u64 nanoseconds since the first, u32 device, u32 length, octets. Then u64: how long to wait after the last.
static int replay(const char *path, const char *setup, const char *after)
{
	FILE *file = fopen(path, "re");
	unsigned char head[16];
	if (!file || fread(head, 4, 1, file) != 1)
		die(path);
	device_count = word(head);
	if (device_count > MAX_DEVICES)
		die("devices");
	for (unsigned i = 0; i < device_count; i++) {
		if (fread(devices[i].name, 16, 1, file) != 1)
			die(path);
		devices[i].name[IFNAMSIZ - 1] = 0;
		devices[i].fd = open_tap(devices[i].name);
	}
	if (run_script(setup) != 0)
		return 1;
	open_trace();
	if (fread(head, 12, 1, file) != 1)
		die(path);
	struct timespec clock = { .tv_sec = word(head), .tv_nsec = word(head + 4) };
	uint32_t count = word(head + 8);
	// What the devices said while they came up is nobody's packet.
	if (!freopen("/dev/null", "w", stdout))
		die("/dev/null");
	collect();
	if (!freopen("/replay.out", "w", stdout))
		die("/replay.out");
	clock_settime(CLOCK_REALTIME, &clock);
	uint64_t start = now_ns() + 1000000, tail;
	for (uint32_t i = 0; i < count; i++) {
		if (fread(head, 16, 1, file) != 1)
			die(path);
		uint64_t at = word(head) | (uint64_t)word(head + 4) << 32;
		uint32_t device = word(head + 8), length = word(head + 12);
		unsigned char *frame = malloc(length ? length : 1);
		if (device >= device_count || length > MAX_FRAME || !frame || fread(frame, 1, length, file) != length)
			die("frame");
		if (now_ns() < start + at)
			sleep_until(start + at);
		printf("A\n");
		collect();
		printf("P %u %llu\n", i, (unsigned long long)(now_ns() - start));
		if (write(devices[device].fd, frame, length) != (ssize_t)length)
			printf("E %s\n", strerror(errno));
		free(frame);
		collect();
	}
	printf("A\n");
	if (fread(&tail, 8, 1, file) == 1 && tail)
		sleep_until(now_ns() + tail);
	collect();
	fflush(stdout);
	return run_script(after) != 0;
}

// ---- PID 1

static void boot(void)
{
	int status;
	mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/dev", 0755), mkdir("/tmp", 01777);
	mount("proc", "/proc", "proc", 0, "");
	mount("sysfs", "/sys", "sysfs", 0, "");
	mount("devtmpfs", "/dev", "devtmpfs", 0, "");
	int console = open("/dev/console", O_RDWR);
	for (int fd = 0; fd < 3 && console >= 0; fd++)
		dup2(console, fd);
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	pid_t child = fork();
	if (child == 0) {
		execl("/bin/busybox", "sh", "/job/run.sh", NULL);
		die("/job/run.sh");
	}
	while (wait(&status) != child)
		;
	to_host("\n@@ end 0\n", 10);
	sync();
	reboot(RB_POWER_OFF);
}

int main(int argc, char **argv)
{
	if (getpid() == 1)
		boot();
	if (argc == 5 && !strcmp(argv[1], "replay"))
		return replay(argv[2], argv[3], argv[4]);
	if (argc == 3 && !strcmp(argv[1], "emit"))
		return emit(argv[2]);
	if (argc == 6 && !strcmp(argv[1], "pppoe"))
		return pppoe(argv[2], argv[3], argv[4], argv[5]);
	fprintf(stderr, "usage: guest replay FRAMES SETUP AFTER | emit NAME | pppoe DEVICE PEER SESSION NAME\n");
	return 2;
}
