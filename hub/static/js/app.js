// The entry of every page: brings everything to life, and says when that is done.
import "./dialogs.js";

document.documentElement.dataset.ready = "";
