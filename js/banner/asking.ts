/**
 * The loader for a visitor who has not decided: it brings the first layer along, its
 * style sheet and, in front, what is asked, so that asking waits for nothing else.
 */

import './loader.ts';
import './index.ts';
