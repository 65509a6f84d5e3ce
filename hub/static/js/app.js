// The entry of every page: brings everything to life, and says when that is done.
import "./times.js";
import "./forms.js";
import "./media.js";
import "./panel.js";
import "./thread.js";
import "./queue.js";
import "./composer/composer.js";

import * as bulk from "./bulk.js";
import { learn } from "./commands.js";
import * as counts from "./counts.js";
import * as filters from "./filters.js";
import * as keys from "./keys.js";
import * as live from "./live.js";
import * as menus from "./menus.js";
import { navigate } from "./navigation.js";
import * as notify from "./notify.js";
import { remember } from "./palette.js";
import { showTheme } from "./preferences.js";
import * as presence from "./presence.js";
import * as standing from "./standing.js";

learn();
// A menu takes its keys before the commands do.
menus.listen();
keys.listen();
bulk.listen();
filters.listen();
remember();
navigate();
showTheme();
counts.listen();
presence.listen();
notify.listen();
standing.listen();
// What is told must find whoever listens for it.
live.listen();

document.documentElement.dataset.ready = "";
