import { describe, expect, it } from 'vitest';
import { chatGpt, node, say } from './builders.ts';
import { merge } from './versions.ts';

describe('which form of a conversation is the newer one', () => {
  it('decides by content when the times are the same', () => {
    const one = chatGpt([node('m', null, say('user', 'one'))], { update_time: 5 });
    const two = chatGpt([node('m', null, say('user', 'two'))], { update_time: 5 });
    expect(merge(one, two)).toEqual(merge(two, one));
  });

  it('takes the newest message for the time of a form that tells none, though it is shorter', () => {
    const times = { create_time: 5, update_time: null };
    const used = chatGpt(
      [
        node('q', null, say('user', 'why?', { create_time: 6 })),
        node('out', 'q', say('tool', 'looked up '.repeat(50), { create_time: 7 })),
        node('a', 'out', say('assistant', 'so', { create_time: 8 })),
      ],
      { ...times, title: 'Old', current_node: 'a' },
    );
    const went = chatGpt(
      [
        node('q', null, say('user', 'why?', { create_time: 6 })),
        node('a', 'q', say('assistant', 'so', { create_time: 8 })),
        node('q2', 'a', say('user', 'and?', { create_time: 9 })),
      ],
      { ...times, title: 'New', current_node: 'q2' },
    );
    expect(merge(went, used)).toMatchObject({ title: 'New', currentMessageId: 'q2', branchCount: 1 });
  });

  it('takes the longer one for the newer when the times are the same, or there are none', () => {
    for (let tried = 0; tried < 20; tried += 1) {
      const times = { create_time: 5, update_time: null };
      const [asked, answer] = [node('q', null, say('user', 'why?')), node('a', 'q', say('assistant', 'so'))];
      const before = chatGpt([asked, answer], {
        ...times,
        title: 'A title of some length',
        current_node: 'a',
      });
      const more = [node('q2', 'a', say('user', 'and?')), node('a2', 'q2', say('assistant', `${tried}`))];
      const grown = chatGpt([asked, answer, ...more], { ...times, title: 'Renamed', current_node: 'a2' });
      expect(merge(grown, before)).toMatchObject({
        title: 'Renamed',
        currentMessageId: 'a2',
        branchCount: 1,
      });
    }
  });
});
