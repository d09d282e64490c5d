// An initramfs: the "newc" cpio archive that Linux unpacks at boot (Documentation/driver-api/early-userspace/
// buffer-format.rst). Archives may stand one behind the other.

const FOLDER = 0o040755;
const FILE = 0o100000;
const LINK = 0o120777;
const CHARACTER_DEVICE = 0o020600;

/** Collects entries; bytes() is the archive. */
export class Cpio {
  readonly #parts: Uint8Array[] = [];
  readonly #folders = new Set<string>();
  #inode = 1;

  /** A file; the folders above it are made. */
  file(path: string, content: Uint8Array | string, mode = 0o644): this {
    this.folder(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    this.#entry(path, FILE | mode, typeof content === 'string' ? Buffer.from(content) : content);
    return this;
  }

  folder(path: string): this {
    if (path === '' || this.#folders.has(path)) return this;
    this.folder(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    this.#folders.add(path);
    this.#entry(path, FOLDER, new Uint8Array(0));
    return this;
  }

  link(path: string, target: string): this {
    this.folder(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    this.#entry(path, LINK, Buffer.from(target));
    return this;
  }

  /** A character device. */
  device(path: string, major: number, minor: number): this {
    this.folder(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    this.#entry(path, CHARACTER_DEVICE, new Uint8Array(0), major, minor);
    return this;
  }

  bytes(): Uint8Array {
    return Buffer.concat([...this.#parts, record('TRAILER!!!', 0, 0, new Uint8Array(0), 0, 0)]);
  }

  #entry(path: string, mode: number, content: Uint8Array, major = 0, minor = 0): void {
    this.#parts.push(record(path, this.#inode++, mode, content, major, minor));
  }
}

function record(
  path: string,
  inode: number,
  mode: number,
  content: Uint8Array,
  major: number,
  minor: number,
): Uint8Array {
  const name = Buffer.from(`${path}\0`);
  // inode, mode, uid, gid, nlink, mtime, size, device major and minor, rdev major and minor, name size, checksum
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, major, minor, name.length, 0];
  const head = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return Buffer.concat([padded(Buffer.concat([head, name])), padded(content)]);
}

function padded(octets: Uint8Array): Uint8Array {
  return Buffer.concat([octets, new Uint8Array((4 - (octets.length % 4)) % 4)]);
}
