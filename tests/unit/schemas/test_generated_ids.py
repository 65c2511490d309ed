from schemas import generated_ids


def test_a_thread_gets_all_its_ids_although_another_one_sets_a_shorter_list_meanwhile(monkeypatch):
    class Count(int):
        def __gt__(self, length):
            monkeypatch.setattr(generated_ids, "_known", ["0"])
            return super().__gt__(length)

    monkeypatch.setattr(generated_ids, "_known", ["0", "1", "2"])
    assert generated_ids.generated_ids(Count(3)) == ["0", "1", "2"]
