import { open } from 'kelisim';
import { useGranted } from './use-consent';

/** A video of a third party, once its purpose is granted. */
export function Player({ src, title }: { src: string; title: string }) {
  return useGranted('marketing') ? (
    <iframe src={src} title={title} allowFullScreen />
  ) : (
    <button type="button" onClick={open}>
      {title}
    </button>
  );
}
