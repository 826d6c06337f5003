import { describe, expect, it } from 'vitest';
import { conversationAt, toSlim } from '../../bench/generator/index.ts';
import type { ArchiveConversation } from '../../src/archive/types.ts';
import { chatGpt, type Json, node, read } from './builders.ts';
import { merge } from './versions.ts';

describe('merging full exports with slim ones, which leave tools out', () => {
  const forms = [1, 7, 12, 19].map((index) => {
    const [whole, later] = [conversationAt(9, index), conversationAt(9, index, { changed: true })];
    return { full: whole, slim: toSlim(whole), grown: later, grownSlim: toSlim(later) };
  });
  const shape = ({ messages, branchCount, currentMessageId }: ArchiveConversation) => ({
    branchCount,
    currentMessageId,
    messages: messages.map(({ createdAtMs, kind, model, ...rest }) => rest),
  });

  it('makes one conversation of them, as the fullest shows it, in any order', () => {
    for (const { full, slim, grown, grownSlim } of forms) {
      const hidden = Object.keys(full.mapping).length - Object.keys(slim.mapping).length;
      expect(hidden).toBeGreaterThan(0);
      const expected = shape(read(grown));
      for (const versions of [
        [full, grownSlim],
        [full, slim, grownSlim],
        [grown, slim],
        [grown, grownSlim],
        [full, slim, grown, grownSlim],
      ]) {
        const merged = merge(...versions);
        expect(shape(merged)).toEqual(expected);
        expect(merge(...versions.toReversed())).toEqual(merged);
      }
      expect(shape(merge(slim, full))).toEqual(shape(read(full)));
      expect(merge(slim, full)).toEqual(merge(full, slim));
    }
  });
});

describe('merging what a message said', () => {
  const image = (id: string) => ({ content_type: 'image_asset_pointer', asset_pointer: `sediment://${id}` });
  const of = (content: Json, update_time: number, metadata: Json = {}) =>
    chatGpt([node('m', null, { author: { role: 'user' }, content, metadata })], { update_time });
  const said = (older: Json, newer: Json) => {
    const versions = [of(older, 1), of(newer, 2)];
    const [message] = merge(...versions).messages;
    expect(merge(...versions.toReversed()).messages).toEqual([message]);
    return { text: message?.text, assets: message?.assets.map(({ externalId }) => externalId) };
  };
  const parts = (...list: unknown[]) => ({ content_type: 'multimodal_text', parts: list });
  const thoughts = (...list: [string, string][]) => ({
    content_type: 'thoughts',
    thoughts: list.map(([summary, content]) => ({ summary, content })),
  });

  it('keeps images and texts of which the newer one says nothing', () => {
    expect(said(parts(image('a'), 'look'), parts('look'))).toEqual({ text: 'look', assets: ['a'] });
    expect(said(parts(image('a'), 'look'), { content_type: 'text', parts: ['look\n'] }).assets).toEqual([
      'a',
    ]);
    expect(said(parts(image('a'), 'look'), parts(image('b')))).toEqual({ text: 'look', assets: ['a', 'b'] });
    expect(said(parts(image('a'), 'look'), parts('look at this'))).toEqual({
      text: 'look at this',
      assets: ['a'],
    });
    expect(said(thoughts(['One', 'first'], ['Two', 'second']), thoughts(['One', ''], ['Two', ''])).text).toBe(
      'One\nfirst\n\nTwo\nsecond',
    );
    expect(said(thoughts(['One', '']), thoughts(['One', 'first'])).text).toBe('One\nfirst');
  });

  it('lets an edit win', () => {
    expect(said(parts(image('a'), 'look'), parts('see'))).toEqual({ text: 'see', assets: [] });
    expect(said(parts('a\nb\nc'), parts('a\nc')).text).toBe('a\nc');
    expect(said(thoughts(['One', 'first']), thoughts(['Other', ''])).text).toBe('Other');
  });

  it('does the same with a text in a field that others of its type leave out', () => {
    const text = (fields: Json) => ({ content_type: 'text', parts: [], ...fields });
    expect(said(text({ text: 'look' }), parts()).text).toBe('look');
    expect(said(parts('look'), text({ text: 'see' })).text).toBe('see');
    expect(said(text({ content: 'look' }), text({ text: 'see' })).text).toBe('see');
    expect(said(parts(image('a'), 'look'), text({ text: 'look' }))).toEqual({ text: 'look', assets: ['a'] });
    expect(said(parts(image('a')), text({ text: 'look' }))).toEqual({ text: 'look', assets: ['a'] });
    const drawn = { ...image('a'), metadata: { dalle: { prompt: 'see' } } };
    expect(said(text({ content: 'look, see' }), parts(drawn))).toEqual({
      text: 'look, see\nsee',
      assets: ['a'],
    });
    const quote = { content_type: 'tether_quote', title: 'Page', parts: ['look'] };
    expect(said(quote, parts('look')).text).toBe('Page\nlook');
  });

  it('keeps attachments that the newer one does not name, unless it was edited', () => {
    const attached = (...ids: string[]) => ({ attachments: ids.map((id) => ({ id })) });
    const older = of(parts('look'), 1, attached('x', 'y'));
    const ids = (newer: Json) => merge(older, newer).messages[0]?.assets.map(({ externalId }) => externalId);
    expect(ids(of(parts('look'), 2, attached('y')))).toEqual(['y', 'x']);
    expect(ids(of(parts('see'), 2, attached('y')))).toEqual(['y']);
  });
});
