/**
 * A snippet of the API, which is HTML of text and <mark> alone, as elements: what else might be in it becomes text, so that
 * nothing of an export is ever HTML here.
 */
export function Snippet({ html }: { html: string }) {
  const { body } = new DOMParser().parseFromString(html, 'text/html');
  return (
    <>
      {[...body.childNodes].map((node, index) => {
        const key = `${index} ${node.nodeName}`;
        return node.nodeName === 'MARK' ? (
          <mark key={key}>{node.textContent}</mark>
        ) : (
          <span key={key}>{node.textContent}</span>
        );
      })}
    </>
  );
}
