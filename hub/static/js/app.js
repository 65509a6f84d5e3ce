// The entry of every page: brings everything to life, and says when that is done.
import "./times.js";
import "./forms.js";
import "./admin.js";
import "./media.js";
import "./thread.js";
import "./composer/composer.js";

import * as bulk from "./bulk.js";
import { learn } from "./commands.js";
import * as filters from "./filters.js";
import * as keys from "./keys.js";
import * as menus from "./menus.js";
import { navigate } from "./navigation.js";
import { remember } from "./palette.js";
import { showTheme } from "./preferences.js";

learn();
// A menu takes its keys before the commands do.
menus.listen();
keys.listen();
bulk.listen();
filters.listen();
remember();
navigate();
showTheme();

document.documentElement.dataset.ready = "";
