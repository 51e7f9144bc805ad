/** A picture that a page has as Mermaid's text, drawn when the site is built: its words stay text, its colours are the page's. */
import { renderMermaidSVG } from 'beautiful-mermaid';

export function picture(text: string): string {
  const svg = renderMermaidSVG(text, { transparent: true, padding: 4, layerSpacing: 24, nodeSpacing: 20 })
    // Colours and fonts are those of theme/style.css, in the light and in the dark; the library would load a font from elsewhere.
    .replace(/<style>[^]*?<\/style>/g, '')
    .replace(/ style="--bg:[^"]*"/, '')
    // As wide as the page has room.
    .replace(/^(<svg\b[^>]*?) width="([\d.]+)" height="[\d.]+"/, '$1 style="width: $2px"');
  return `<figure class="picture" tabindex="0" v-pre>${svg}</figure>\n`;
}
