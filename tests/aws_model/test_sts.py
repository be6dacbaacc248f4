def test_the_caller_is_the_account(checked):
    assert checked("sts").get_caller_identity()["Account"] == "000000000000"
