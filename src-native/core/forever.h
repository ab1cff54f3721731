// State of the whole process. Never destroyed: threads may reach it while the process exits.
#pragma once

namespace ostree {

template <class T>
T& Forever() {
  static auto* value = new T;
  return *value;
}

}  // namespace ostree
