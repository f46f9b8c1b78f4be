const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/messages`);
const [form, list] = [document.querySelector("form"), document.querySelector("ul")];
const input = form.querySelector("input");
socket.onmessage = ({ data }) => {
  const item = document.createElement("li");
  item.textContent = data;
  list.append(item);
};
form.onsubmit = (event) => {
  event.preventDefault();
  socket.send(input.value);
  input.value = "";
};
