#include "openpgp.h"

#include <span>

namespace ostree {
namespace {

// RFC 4880, 4.3
constexpr int kPublicKey = 6, kUserId = 13;

using Span = std::span<const uint8_t>;

struct Packet {
  int tag;
  Span body;
};

size_t BigEndian(Span bytes) {
  size_t value = 0;
  for (auto byte : bytes) value = value << 8 | byte;
  return value;
}

// Takes the next packet off the front (RFC 4880, 4.2). Lengths that only messages have end the reading.
std::optional<Packet> TakePacket(Span& rest) {
  if (rest.size() < 2 || !(rest[0] & 0x80)) return std::nullopt;
  bool is_new = rest[0] & 0x40;
  int tag = is_new ? rest[0] & 0x3f : rest[0] >> 2 & 0xf;
  size_t bytes = 1;  // that the length takes
  if (is_new)
    bytes = rest[1] < 192 ? 1 : rest[1] < 224 ? 2 : rest[1] == 255 ? 5 : 0;
  else
    bytes = (rest[0] & 3) == 3 ? 0 : size_t{1} << (rest[0] & 3);
  if (bytes == 0 || rest.size() < 1 + bytes) return std::nullopt;
  auto field = rest.subspan(1, bytes);
  size_t length = BigEndian(is_new && bytes == 5 ? field.subspan(1) : field);
  if (is_new && bytes == 2) length = length - (192 << 8) + 192;
  rest = rest.subspan(1 + bytes);
  if (rest.size() < length) return std::nullopt;
  Packet packet{tag, rest.first(length)};
  rest = rest.subspan(length);
  return packet;
}

// RFC 4880, 12.2: of a key of version 4, which all are that gpg 2.2 takes.
std::string Fingerprint(Span key) {
  std::unique_ptr<GChecksum, decltype(&g_checksum_free)> sha1(g_checksum_new(G_CHECKSUM_SHA1),
                                                              g_checksum_free);
  const uint8_t head[] = {0x99, static_cast<uint8_t>(key.size() >> 8), static_cast<uint8_t>(key.size())};
  g_checksum_update(sha1.get(), head, sizeof head);
  g_checksum_update(sha1.get(), key.data(), static_cast<gssize>(key.size()));
  Owned<char> upper(g_ascii_strup(g_checksum_get_string(sha1.get()), -1));
  return upper.get();
}

std::string Trimmed(std::string_view text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return std::string(text);
}

// "Name (comment) <address>", each part where it is there.
UserId Parse(Span body) {
  auto text = ValidUtf8({reinterpret_cast<const char*>(body.data()), body.size()});
  auto open = text.rfind('<'), close = text.rfind('>');
  bool has_email = open != text.npos && close != text.npos && open < close;
  UserId id;
  if (has_email) id.email = text.substr(open + 1, close - open - 1);
  auto name = text.substr(0, has_email ? open : text.npos);
  id.name = Trimmed(name.substr(0, name.find('(')));
  if (!has_email && id.name.find('@') != id.name.npos && id.name.find(' ') == id.name.npos)
    id.email = std::exchange(id.name, {});
  return id;
}

}  // namespace

std::map<std::string, UserId> ReadUserIds(const Bytes& keyring) {
  std::map<std::string, UserId> ids;
  std::string fingerprint;
  Span rest(keyring);
  while (auto packet = TakePacket(rest)) {
    if (packet->tag == kPublicKey) fingerprint = Fingerprint(packet->body);
    if (packet->tag == kUserId && !fingerprint.empty()) ids.emplace(fingerprint, Parse(packet->body));
  }
  return ids;
}

}  // namespace ostree
