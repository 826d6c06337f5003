/**
 * From nodes that name their parents to messages in reading order. Nothing here recurses: chains of 100,000 nodes
 * occur in hostile exports and take linear time.
 */
import type { ArchiveWarning } from './types.ts';

export interface TreeNode {
  id: string;
  /** Null says that it is a root, undefined that the export does not say. */
  parent: string | null | undefined;
  /** In the export's order; only a hint, for newer exports leave it out. */
  children: readonly unknown[];
  hasMessage: boolean;
  timeMs: number | null;
}

export interface Tree {
  /** Indexes of the nodes that hold a message, depth first, parents before children. */
  order: number[];
  /** By node: the nearest ancestor with a message, or -1. */
  messageParent: Int32Array;
  /** By node: its place among the messages with the same parent, and how many those are. */
  siblingIndex: Int32Array;
  siblingCount: Int32Array;
  /** By node: 1 on the path from a root to `current`. */
  onActivePath: Uint8Array;
  /** The node where the active path ends; -1 when there is no message. */
  current: number;
  branchCount: number;
  warnings: ArchiveWarning[];
}

const NONE = -1;

/** `currentId` is the end of the active path as the export has it; without a usable one the newest leaf is taken. */
export function growTree(nodes: readonly TreeNode[], currentId: unknown): Tree {
  const indexOf = new Map<string, number>();
  for (let node = 0; node < nodes.length; node += 1) {
    const id = nodes[node]?.id;
    if (id !== undefined) indexOf.set(id, node);
  }
  const warnings: ArchiveWarning[] = [];
  const parent = findParents(nodes, indexOf, warnings);
  breakCycles(parent, warnings);
  if (isFlat(nodes, parent, indexOf)) chain(nodes, parent, warnings);
  const wanted = typeof currentId === 'string' ? indexOf.get(currentId) : undefined;
  return walk(nodes, parent, childrenOf(nodes, parent, indexOf), wanted, warnings);
}

function findParents(
  nodes: readonly TreeNode[],
  indexOf: Map<string, number>,
  warnings: ArchiveWarning[],
): Int32Array {
  const parent = new Int32Array(nodes.length).fill(NONE);
  const lost = new Set<number>();
  let dangling = 0;
  for (let index = 0; index < nodes.length; index += 1) {
    const named = nodes[index]?.parent;
    if (named === null) continue;
    const at = named === undefined ? undefined : indexOf.get(named);
    if (at !== undefined) parent[index] = at;
    else {
      lost.add(index);
      if (named !== undefined) dangling += 1;
    }
  }
  if (lost.size > 0) {
    // Only a node that cannot say who its parent is takes the word of one that claims it.
    for (const [index, node] of nodes.entries()) {
      for (const child of node.children) {
        const at = typeof child === 'string' ? indexOf.get(child) : undefined;
        if (at !== undefined && lost.delete(at)) parent[at] = index;
      }
    }
  }
  if (dangling > 0) {
    warnings.push({
      code: 'PARENT_MISSING',
      reason: `${dangling} nodes name a parent that is not in the export.`,
    });
  }
  return parent;
}

/** Walks up from every node once, marking as it goes; meeting this walk's own mark is a cycle, whose first node becomes a root. */
function breakCycles(parent: Int32Array, warnings: ArchiveWarning[]): void {
  const walkOf = new Int32Array(parent.length).fill(NONE);
  let cycles = 0;
  for (let start = 0; start < parent.length; start += 1) {
    let at = start;
    while (at !== NONE && walkOf[at] === NONE) {
      walkOf[at] = start;
      at = parent[at] ?? NONE;
    }
    if (at === NONE || walkOf[at] !== start) continue;
    let first = at;
    for (let member = parent[at] ?? NONE; member !== at; member = parent[member] ?? NONE) {
      first = Math.min(first, member);
    }
    parent[first] = NONE;
    cycles += 1;
  }
  // One warning however many there are: of a task's warnings only the first thousand are kept.
  if (cycles > 0) {
    warnings.push({
      code: 'CYCLE_BROKEN',
      reason: `Cycles of nodes that are their own ancestors, each cut at its first: ${cycles}.`,
    });
  }
}

/** Hand-made exports list messages without any link between them; a link to nothing is none. */
function isFlat(
  nodes: readonly TreeNode[],
  parent: Int32Array,
  indexOf: ReadonlyMap<string, number>,
): boolean {
  return (
    parent.every((at) => at === NONE) &&
    nodes.reduce((count, node) => count + (node.hasMessage ? 1 : 0), 0) > 1 &&
    !nodes.some(({ children }) => children.some((child) => typeof child === 'string' && indexOf.has(child)))
  );
}

function chain(nodes: readonly TreeNode[], parent: Int32Array, warnings: ArchiveWarning[]): void {
  // A message without a time stays behind the one before it.
  let lastMs = 0;
  const timed: { index: number; timeMs: number }[] = [];
  for (const [index, node] of nodes.entries()) {
    if (!node.hasMessage) continue;
    lastMs = node.timeMs ?? lastMs;
    timed.push({ index, timeMs: lastMs });
  }
  timed.sort((a, b) => a.timeMs - b.timeMs || a.index - b.index);
  let before = NONE;
  for (const { index } of timed) {
    parent[index] = before;
    before = index;
  }
  warnings.push({
    code: 'CHAINED',
    reason: 'No message names its parent; they were put in the order of their times.',
  });
}

/** Children as linked lists, which cost three arrays and not one for each node; the roots hang on the last slot. */
interface Children {
  first: Int32Array;
  next: Int32Array;
}

/** Declared children come first in their order, then the others by time and id. */
function childrenOf(nodes: readonly TreeNode[], parent: Int32Array, indexOf: Map<string, number>): Children {
  const roots = nodes.length;
  const first = new Int32Array(roots + 1).fill(NONE);
  const last = new Int32Array(roots + 1).fill(NONE);
  const next = new Int32Array(roots).fill(NONE);
  const placed = new Uint8Array(roots);
  const place = (index: number, above: number): void => {
    placed[index] = 1;
    const before = last[above] as number;
    if (before === NONE) first[above] = index;
    else next[before] = index;
    last[above] = index;
  };

  for (let index = 0; index < roots; index += 1) {
    for (const child of nodes[index]?.children ?? []) {
      const at = typeof child === 'string' ? indexOf.get(child) : undefined;
      if (at !== undefined && parent[at] === index && placed[at] === 0) place(at, index);
    }
  }
  const undeclared: number[] = [];
  for (let index = 0; index < roots; index += 1) if (placed[index] === 0) undeclared.push(index);
  undeclared.sort((a, b) => compareNodes(nodes[a], nodes[b]));
  for (const index of undeclared) {
    const above = parent[index] as number;
    place(index, above === NONE ? roots : above);
  }
  return { first, next };
}

function compareNodes(a: TreeNode | undefined, b: TreeNode | undefined): number {
  if (a === undefined || b === undefined) return 0;
  const byTime = (a.timeMs ?? 0) - (b.timeMs ?? 0);
  if (byTime !== 0) return byTime;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function walk(
  nodes: readonly TreeNode[],
  parent: Int32Array,
  children: Children,
  wanted: number | undefined,
  warnings: ArchiveWarning[],
): Tree {
  const count = nodes.length;
  const order: number[] = [];
  const messageParent = new Int32Array(count).fill(NONE);
  const messageDepth = new Int32Array(count);
  const siblingIndex = new Int32Array(count);
  // The last slot counts the messages at the roots.
  const childMessages = new Int32Array(count + 1);

  // Below the next sibling lies what is left of the levels above.
  const stack: number[] = [];
  let index = children.first[count] as number;
  while (index !== NONE) {
    const node = nodes[index];
    const above = parent[index] as number;
    const nearest = above === NONE || nodes[above]?.hasMessage ? above : (messageParent[above] as number);
    messageParent[index] = nearest;
    if (node?.hasMessage) {
      const slot = nearest === NONE ? count : nearest;
      const place = childMessages[slot] as number;
      siblingIndex[index] = place;
      childMessages[slot] = place + 1;
      messageDepth[index] = nearest === NONE ? 1 : (messageDepth[nearest] as number) + 1;
      order.push(index);
    }
    const sibling = children.next[index] as number;
    const below = children.first[index] as number;
    if (below !== NONE && sibling !== NONE) stack.push(sibling);
    index = below !== NONE ? below : sibling !== NONE ? sibling : (stack.pop() ?? NONE);
  }

  const siblingCount = new Int32Array(count);
  const leaves: number[] = [];
  for (const index of order) {
    const nearest = messageParent[index] as number;
    siblingCount[index] = childMessages[nearest === NONE ? count : nearest] as number;
    if (childMessages[index] === 0) leaves.push(index);
  }

  const current = endOfActivePath(nodes, wanted, messageParent, leaves, messageDepth);
  const onActivePath = new Uint8Array(count);
  for (let at = current; at !== NONE; at = messageParent[at] ?? NONE) onActivePath[at] = 1;
  return {
    order,
    messageParent,
    siblingIndex,
    siblingCount,
    onActivePath,
    current,
    branchCount: leaves.length,
    warnings,
  };
}

/** The wanted node or its nearest ancestor with a message; else the newest leaf, else the deepest, else the last in the file. */
function endOfActivePath(
  nodes: readonly TreeNode[],
  wanted: number | undefined,
  messageParent: Int32Array,
  leaves: number[],
  depth: Int32Array,
): number {
  if (wanted !== undefined) {
    const at = nodes[wanted]?.hasMessage ? wanted : (messageParent[wanted] ?? NONE);
    if (at !== NONE) return at;
  }
  let best = NONE;
  for (const leaf of leaves) {
    if (best === NONE) {
      best = leaf;
      continue;
    }
    const later =
      (nodes[leaf]?.timeMs ?? 0) - (nodes[best]?.timeMs ?? 0) ||
      (depth[leaf] ?? 0) - (depth[best] ?? 0) ||
      leaf - best;
    if (later > 0) best = leaf;
  }
  return best;
}
