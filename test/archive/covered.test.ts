import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conversationAt, toSlim } from '../../bench/generator/index.ts';
import { chatGpt } from '../../src/archive/chatgpt/chatgpt.ts';
import { claude } from '../../src/archive/claude.ts';
import type { ProviderReader } from '../../src/archive/provider.ts';
import type { KeptVersion } from '../../src/archive/types.ts';
import { pickUncovered } from '../../src/archive/versions.ts';
import { bytesOf, dialogue, chatGpt as formOf, type Json, node, say } from './builders.ts';
import { anyClaudeForm, anyForm, growingClaudeForms, growingForms } from './growing.ts';
import { keep, mergeKept, mergeWhole } from './versions.ts';

describe('a form of a conversation', () => {
  const forms = [1, 7, 12].map((index) => ({
    older: conversationAt(9, index),
    newer: conversationAt(9, index, { changed: true }),
  }));

  it('is covered by the next one of the same kind', () => {
    for (const { older, newer } of forms) {
      expect(chatGpt.covers(older as Json, newer as Json)).toBe(true);
      expect(chatGpt.covers(toSlim(older), toSlim(newer))).toBe(true);
    }
  });

  it('is not covered by one that says less', () => {
    for (const { older, newer } of forms) {
      expect(chatGpt.covers(newer as Json, older as Json)).toBe(false);
      expect(chatGpt.covers(older as Json, toSlim(newer))).toBe(false);
      expect(chatGpt.covers(older as Json, { ...newer, title: '' })).toBe(false);
    }
    const turn = node('q', 'root', say('user', 'q', { recipient: '' }));
    const whole = formOf([node('root', undefined, null), turn], { current_node: 'q' });
    expect(chatGpt.covers(whole, whole)).toBe(true);
    expect(chatGpt.covers(whole, formOf([turn], { current_node: 'q' }))).toBe(false);
    const keyless = node('q', 'root', say('user', 'q'));
    expect(
      chatGpt.covers(whole, formOf([node('root', undefined, null), keyless], { current_node: 'q' })),
    ).toBe(false);
  });
});

it('adds nothing either where it alone has the node on which what was merged before hangs', () => {
  const before = formOf([node('x', 'q', say('user', 'x')), node('n', 'x', say('user', 'n'))]);
  const q = node('q', null, say('user', 'q'));
  const older = formOf([q], { current_node: 'q' });
  const newer = formOf([q, node('n', 'q', say('user', 'n'))], { current_node: 'n' });
  expect(chatGpt.covers(older, newer)).toBe(true);
  const without = chatGpt.merge(before, newer);
  expect(chatGpt.read(chatGpt.merge(chatGpt.merge(before, older), newer))).toEqual(chatGpt.read(without));
  expect(chatGpt.read(without).messages.map(({ id }) => id)).toEqual(['q', 'x', 'n']);
});

describe.each<[string, ProviderReader, fc.Arbitrary<Json[]>, fc.Arbitrary<Json>]>([
  ['ChatGPT', chatGpt, growingForms, anyForm],
  ['Claude', claude, growingClaudeForms, anyClaudeForm],
])('a covered form of %s', (_name, provider, growing, any) => {
  const others = fc.array(
    fc.oneof(
      any,
      growing.map((forms) => forms[0] as Json),
    ),
    { maxLength: 2 },
  );
  const fold = (forms: Json[]) => provider.read(forms.reduce((merged, form) => provider.merge(merged, form)));

  it('adds nothing right before the one that covers it, whatever is merged before and after', () => {
    let covered = 0;
    fc.assert(
      fc.property(others, growing, others, (before, [older, newer], after) => {
        if (!older || !newer || !provider.covers(older, newer)) return;
        covered += 1;
        expect(fold([...before, older, newer, ...after])).toEqual(fold([...before, newer, ...after]));
      }),
      { numRuns: 500 },
    );
    expect(covered).toBeGreaterThan(0);
  });
});

describe('versions that come and go', () => {
  const forms = fc.oneof(
    { weight: 3, arbitrary: growingForms },
    { weight: 1, arbitrary: growingClaudeForms },
    { weight: 1, arbitrary: anyForm.map((form) => [form]) },
  );
  const step = fc.record({
    brought: fc.array(fc.tuple(forms, fc.integer({ min: 1, max: 4 })), { maxLength: 2 }),
    undone: fc.option(fc.nat(4), { freq: 1 }),
  });

  it('merge to what all of them merge to, though only those are read that no other one covers', () => {
    let skipped = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 5 }), (steps) => {
        /** By hash; with the number of the step that brought them. */
        const account = new Map<string, KeptVersion & { step: number }>();
        for (const [index, { brought, undone }] of steps.entries()) {
          for (const [list, updated] of brought) {
            for (const [at, form] of list.entries()) {
              const version = { ...keep(bytesOf(form)), updatedAtMs: updated + at, step: index };
              const hash = hexOf(version.sha256);
              if (!account.has(hash)) account.set(hash, version);
            }
          }
          for (const [hash, version] of account) if (version.step === undone) account.delete(hash);
          if (account.size === 0) continue;

          const all = [...account.values()];
          const picked = pickUncovered(all);
          skipped += all.length - picked.length;
          const { conversation, heads } = mergeWhole(picked);
          expect(conversation).toEqual(mergeKept(all));
          for (const { sha256, coveredBy } of heads) {
            const version = account.get(hexOf(sha256));
            if (version) version.coveredBy = coveredBy;
          }
          // What is written down is never about a version that went.
          for (const { coveredBy } of all) if (coveredBy) expect(account.has(hexOf(coveredBy))).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
    expect(skipped).toBeGreaterThan(0);
  });
});

describe('versions of a conversation that only grows', () => {
  it('are read no more than two at a time', () => {
    const versions: KeptVersion[] = [];
    for (let turns = 1; turns <= 20; turns += 1) {
      versions.push(keep(bytesOf(dialogue('grows', { update_time: turns, title: `Title ${turns}` }))));
      const picked = pickUncovered(versions);
      expect(picked.length).toBeLessThanOrEqual(2);
      for (const [index, { coveredBy }] of mergeWhole(picked).heads.entries()) {
        const version = picked[index];
        if (version) version.coveredBy = coveredBy;
      }
    }
  });
});

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
