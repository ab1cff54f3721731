#include "openpgp.h"

#include <span>
#include <sstream>

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

constexpr std::string_view kArmour = "-----BEGIN PGP ";

// The armoured blocks in a text, one after the other (RFC 4880, 6.2). Checksums are left to gpg.
Bytes Dearmour(std::string_view text) {
  Bytes all;
  for (auto begin = text.find(kArmour); begin != text.npos; begin = text.find(kArmour, begin + 1)) {
    std::string data, line;
    std::istringstream lines(std::string(text.substr(begin)));
    // The head ends with an empty line.
    while (std::getline(lines, line) && line.find_first_not_of(" \t\r") != line.npos) continue;
    while (std::getline(lines, line) && !line.starts_with('=') && !line.starts_with('-')) data += line;
    gsize size = 0;
    Owned<guchar> bytes(g_base64_decode(data.c_str(), &size));
    all.insert(all.end(), bytes.get(), bytes.get() + size);
  }
  return all;
}

// A keybox (gnupg's kbx/keybox-blob.c): blobs, of which those of type 2 hold the packets of one key each.
Bytes UnpackKeybox(Span file) {
  Bytes all;
  while (file.size() >= 16) {
    auto length = BigEndian(file.first(4)), start = BigEndian(file.subspan(8, 4)),
         size = BigEndian(file.subspan(12, 4));
    if (length < 16 || length > file.size()) break;
    if (file[4] == 2 && start <= length && size <= length - start) {
      auto packets = file.subspan(start, size);
      all.insert(all.end(), packets.begin(), packets.end());
    }
    file = file.subspan(length);
  }
  return all;
}

}  // namespace

Bytes ToPackets(const Bytes& keys) {
  std::string_view text(reinterpret_cast<const char*>(keys.data()), keys.size());
  if (text.size() >= 12 && text.substr(8, 4) == "KBXf") return UnpackKeybox(keys);
  return text.find(kArmour) == text.npos ? keys : Dearmour(text);
}

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

std::optional<Owner> OwnerNotUtf8(const Bytes& keys) {
  auto packets = ToPackets(keys);
  std::string fingerprint;
  Span rest(packets);
  while (auto packet = TakePacket(rest)) {
    if (packet->tag == kPublicKey) fingerprint = Fingerprint(packet->body);
    std::string_view id(reinterpret_cast<const char*>(packet->body.data()), packet->body.size());
    if (packet->tag == kUserId && !g_utf8_validate(id.data(), static_cast<gssize>(id.size()), nullptr))
      return Owner{fingerprint, ValidUtf8(id)};
  }
  return {};
}

}  // namespace ostree
